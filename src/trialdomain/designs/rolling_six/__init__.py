"""Rolling six: the published table of states, and the decisions by it; other modules use ``design.py``."""
