"""The Kubernetes API: client, watch caches, Events, Lease. Knows nothing of etcd clusters."""
