"""Every reason that the operator gives: of conditions, decisions and Events."""
