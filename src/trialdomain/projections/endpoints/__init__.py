"""Endpoint values: what each outcome of the registry is, for each participant, and the entries it rests on."""
