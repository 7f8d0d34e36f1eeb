"""The store that keeps a log in PostgreSQL."""
