"""Certificates: which are wanted, who signs, renewal and rotation of the CA."""
