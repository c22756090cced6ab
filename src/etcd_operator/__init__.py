"""An operator that runs etcd clusters on Kubernetes."""

__version__ = "0.1.0"

# How the API server names our writes, in `metadata.managedFields`.
FIELD_MANAGER = "etcd-operator"
