"""3+3: the walk, its reasons and its forecast; ``design.py`` is what others ask."""
