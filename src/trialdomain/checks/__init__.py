"""Findings: independent checks over a log, by this library and by programs that embed it."""
