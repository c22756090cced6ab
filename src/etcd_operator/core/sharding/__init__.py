"""Shards: how the replicas of one operator share its clusters."""
