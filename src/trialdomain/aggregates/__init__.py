"""The aggregates: state folded from current entries, and decisions that return facts or refuse by a rule of conduct."""
