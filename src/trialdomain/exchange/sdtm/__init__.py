"""Import of SDTM, the tables in which trials are submitted to authorities, into facts.

Source: CDISC Study Data Tabulation Model and its Implementation Guide. docs/reference/sdtm.md describes how this
library converts each row.
"""
