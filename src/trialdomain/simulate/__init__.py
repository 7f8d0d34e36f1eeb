"""Made-up trials, recorded through the public API; nothing in them is about a person."""
