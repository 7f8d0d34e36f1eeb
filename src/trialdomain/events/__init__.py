"""The storage contract: every fact that a log may hold, and the envelope that it is recorded in."""
