"""Values of the field: doses, units, analytes, CTCAE terms, grades, decisions."""
