"""Streams between a Job's disk and its store: files, encryption, the store itself."""
