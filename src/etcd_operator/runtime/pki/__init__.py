"""X.509 certificates and the Secrets that hold them."""
