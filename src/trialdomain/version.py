"""The version of this library, as the log records it."""

__version__ = "0.1.0"
