"""cert-manager as far as the tests need it: its real schema, and a checker for it."""
