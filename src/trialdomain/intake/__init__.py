"""Bringing in what was recorded elsewhere: studies, exports, simulations."""
