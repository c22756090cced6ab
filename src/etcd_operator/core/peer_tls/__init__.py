"""TLS between members, turned on and off in place: the stages, the peer URLs, the guard."""
