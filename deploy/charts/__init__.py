"""The Helm charts: their values as models, and the files that are generated from those."""
