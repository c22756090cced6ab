"""Values that every pass works with: the snapshot, names, numbers, majorities. No policy."""
