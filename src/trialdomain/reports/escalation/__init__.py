"""Reports about the escalation of the dose: its state, decisions and their audit, designs, recommended doses."""
