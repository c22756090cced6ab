"""Connection Secrets: how a client reaches a cluster, in the words of each kind of client."""
