"""Passes: observation of a cluster, the plan, its execution, the report."""
