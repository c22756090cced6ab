"""Recorded passes: what a pass saw and decided, as a document that any version can read again."""
