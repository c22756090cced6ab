"""Divergence: members that do not have the same data."""
