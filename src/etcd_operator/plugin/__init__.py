"""The kubectl plugin `kubectl etcd`, also called `etcdop`: what a person types.

It works with the rights of the user. Whatever it changes it changes as a user would: a field of the
spec, an annotation, or a new object; the operator does the rest, with its guards.
"""
