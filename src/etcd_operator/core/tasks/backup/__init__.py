"""EtcdBackup: when one is due, and what became of it."""
