"""Designs that read a decision table at complete cohorts; other modules use ``design.py``."""
