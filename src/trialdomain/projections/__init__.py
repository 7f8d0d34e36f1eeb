"""Derivations over a casebook: pure functions of what each participant's current entries say."""
