"""The protocol of a trial: every number that an amendment can change, as data."""
