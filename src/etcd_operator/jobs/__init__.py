"""Programs of the Jobs of backups and restores: one module for each step, and the store."""
