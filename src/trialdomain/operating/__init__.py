"""All paths of an escalation design, and its exact operating characteristics, computed with the pure rule."""
