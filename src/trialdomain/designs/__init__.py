"""Escalation designs: pure functions from tallies to a decision."""
