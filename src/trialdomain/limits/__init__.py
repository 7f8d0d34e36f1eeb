"""Limits for every escalation design: on decisions and conclusions of people, and on days between infusions."""
