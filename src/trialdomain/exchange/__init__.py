"""Logs and protocols as files: read strictly, written so that others can verify them."""
