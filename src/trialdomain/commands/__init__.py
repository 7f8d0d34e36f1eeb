"""The command pipeline: read a snapshot, decide, and append if no stream of the read set has changed."""
