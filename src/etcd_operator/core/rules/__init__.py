"""One file per family of rules; `core/plan.py` has the order in which they are asked."""
