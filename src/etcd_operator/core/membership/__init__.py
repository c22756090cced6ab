"""Membership of etcd: growth, shrinking and replacement, one vote at a time."""
