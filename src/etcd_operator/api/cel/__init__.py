"""Validation rules in CEL, by the path of the field that they guard."""
