"""Logs and protocols as files: read strictly, and written so that other programs can verify them."""
