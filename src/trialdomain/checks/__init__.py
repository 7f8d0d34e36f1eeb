"""Findings: independent checks over a log, ours and those of whoever embeds it."""
