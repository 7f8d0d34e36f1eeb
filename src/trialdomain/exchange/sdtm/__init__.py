"""SDTM, the tables in which trials are handed to authorities, read into facts.

Source: CDISC Study Data Tabulation Model and its Implementation Guide; what becomes of each row is this library's
reading of it, in docs/reference/sdtm.md.
"""
