"""Reports of a protocol: its faults, and its rules in words."""
