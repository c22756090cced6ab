"""Members that serve, and that the operator does not reach."""
