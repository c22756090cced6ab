"""Messages of the etcd v3 API, generated from `etcd.proto` by `make generate`."""
