"""The process: clock, log, metrics, health."""
