"""The planner: the ordered table of rules, and what waits while Kubernetes refuses something."""
