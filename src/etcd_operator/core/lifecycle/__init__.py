"""An EtcdCluster's life: refused, paused, stopped, started, deleted."""
