"""Spec in, manifest out. Pure, and golden-tested."""
