"""Simulated trials, recorded through the public API; they contain no data of real people."""
