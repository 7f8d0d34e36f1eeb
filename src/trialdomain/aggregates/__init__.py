"""What guards the rules of conduct: state folded from current entries, and decisions that return facts or refuse."""
