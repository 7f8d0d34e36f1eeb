"""3+3: the walk, its reasons and its forecast; other modules use ``design.py``."""
