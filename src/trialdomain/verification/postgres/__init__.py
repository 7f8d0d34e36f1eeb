"""Verifying a log in PostgreSQL: raw rows, read with plain ``psycopg``."""
