"""A modelled Kubernetes and etcd, in which the real planner makes passes: pure values."""
