"""Rules: pure functions from facts and the protocol to a judgment."""
