"""Protocols that come with the library."""
