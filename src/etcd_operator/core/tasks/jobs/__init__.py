"""Jobs of backups and restores: their manifests, their status, their last words."""
