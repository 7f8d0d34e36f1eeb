"""The tables of this library, by subject."""
