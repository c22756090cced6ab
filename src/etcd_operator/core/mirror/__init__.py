"""Mirror: copy the keys of an etcd cluster that cannot be joined, follow its writes, cut over."""
