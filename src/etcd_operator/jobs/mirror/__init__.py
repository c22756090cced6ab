"""The Job of a mirror: copy a range of keys from one etcd to another, follow it, and cut over."""
