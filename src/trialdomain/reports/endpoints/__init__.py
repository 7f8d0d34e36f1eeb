"""Reports of the endpoints: summaries, tables, files, and the explanation of one value."""
