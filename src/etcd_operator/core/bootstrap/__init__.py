"""Bootstrap of a cluster: the gate that members start by, and its first generation."""
