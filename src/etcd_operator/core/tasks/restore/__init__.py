"""EtcdRestore: which backup, which cluster, and the steps between."""
