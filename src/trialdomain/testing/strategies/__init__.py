"""Hypothesis strategies for facts, designs, protocols and whole trials, and a state machine of the desk.

They need Hypothesis (the extra ``testing``).
"""

try:
    from trialdomain.testing.strategies.designs import designs
    from trialdomain.testing.strategies.facts import clinical_times, facts
    from trialdomain.testing.strategies.machine import TrialMachine, trial_machine
    from trialdomain.testing.strategies.protocols import protocols
    from trialdomain.testing.strategies.trials import courses, trials
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "strategies need Hypothesis, which is not installed: install trialdomain[testing]", name="hypothesis"
    ) from None

__all__ = ["TrialMachine", "clinical_times", "courses", "designs", "facts", "protocols", "trial_machine", "trials"]
