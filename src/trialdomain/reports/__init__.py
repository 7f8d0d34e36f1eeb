"""Reports of the answers: tables and sentences for people, JSON for programs."""
