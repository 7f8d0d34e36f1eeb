"""The use cases: load, decide, save. The clock, ids and the user are passed in."""
