"""Rolls of Pods and changes of version, one member at a time."""
