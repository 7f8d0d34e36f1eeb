"""Answers made readable: as tables for people, as JSON for programs."""
