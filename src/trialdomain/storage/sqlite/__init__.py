"""A log in a SQLite file: the store, its connections, its tables, and what may come between."""
