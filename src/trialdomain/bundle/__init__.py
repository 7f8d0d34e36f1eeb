"""The audit bundle: a log to hand out, with what follows from it and what proves it."""
