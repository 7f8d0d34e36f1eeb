"""What an auditor asks: was the log changed, by whom was what changed, and do the decisions follow from it."""
