"""Backups and restores: when one is due, which Jobs do it, what became of it. Pure."""
