"""etcd's API over gRPC: clients, their pool, and what members answer."""
