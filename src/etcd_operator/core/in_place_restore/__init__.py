"""Restore in place: an EtcdRestore replaces what a cluster holds."""
