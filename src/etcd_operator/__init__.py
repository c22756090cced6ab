"""An operator that runs etcd clusters on Kubernetes."""
