"""Programs of the Jobs of backups, restores and mirrors: a module for each step, and the store."""
