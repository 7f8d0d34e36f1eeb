"""The values in facts and answers: immutable, validated, and independent of any clock."""
