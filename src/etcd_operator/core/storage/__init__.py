"""Disks of members and the space in their databases."""
