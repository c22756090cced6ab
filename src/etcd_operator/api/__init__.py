"""The user contract: the EtcdCluster API, its defaults, validation and CRD. Pure."""
