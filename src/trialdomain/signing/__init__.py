"""Keys, the signers of checkpoints and heads, and inclusion proofs."""
