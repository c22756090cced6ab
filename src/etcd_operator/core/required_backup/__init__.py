"""Backups that must be there before an upgrade or a deletion."""
