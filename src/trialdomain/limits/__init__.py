"""Limits around every escalation design: what people may decide and conclude, and days between infusions."""
