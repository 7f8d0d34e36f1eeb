"""Stories: a trial as dated lines of plain text, with expectations between them; tests that people read."""
