"""The imperative shell: Kubernetes, etcd, the clock and the process."""
