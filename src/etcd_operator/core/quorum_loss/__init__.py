"""Recovery from a lost quorum, which a person approves."""
