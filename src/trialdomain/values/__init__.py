"""What facts and answers are made of: immutable, validated, free of any clock."""
