"""How every command runs: a snapshot is read, a decision is taken, and it is appended if nothing has moved."""
