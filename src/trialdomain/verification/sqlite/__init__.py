"""A SQLite log as raw rows, read by plain ``sqlite3``: nothing of what reads logs otherwise is trusted here."""
