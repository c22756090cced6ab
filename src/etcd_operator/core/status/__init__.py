"""Status and conditions of an EtcdCluster."""
