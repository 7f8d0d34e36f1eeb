"""Designs that read a decision table at complete cohorts; ``design.py`` is what others ask."""
