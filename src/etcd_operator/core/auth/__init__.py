"""Users and roles of etcd."""
