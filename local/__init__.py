"""A real Kubernetes on one machine, built from source: for demos, tests and benchmarks."""
