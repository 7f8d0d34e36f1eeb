"""Endpoint values: what each endpoint of the protocol is, for each participant, and the entries it rests on."""
