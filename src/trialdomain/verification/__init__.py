"""Verifying a log: finding the entries that were changed, removed or added since they were recorded."""
