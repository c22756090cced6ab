"""Take-over: a cluster that joins a running etcd cluster, and then replaces its old members."""
