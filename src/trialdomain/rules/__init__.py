"""Judgements: pure functions from facts and the protocol to an answer."""
