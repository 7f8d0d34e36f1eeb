"""Verifying an audit bundle: comparing its manifest, its entries and its proofs with each other."""
