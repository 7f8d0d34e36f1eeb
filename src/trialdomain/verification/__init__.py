"""Verifying a log: whether anything was changed, removed or added since it was recorded, and what."""
