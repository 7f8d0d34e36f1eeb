"""Rolling six: the published table of states, and what follows from it; ``design.py`` is what others ask."""
