"""The demonstration: a real cluster's life in a minute, told as it happens."""
