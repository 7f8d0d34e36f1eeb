"""The import of records from elsewhere: SDTM studies, exported logs, simulated trials."""
