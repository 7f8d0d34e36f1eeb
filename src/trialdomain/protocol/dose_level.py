"""A dose level of a protocol: its place, its permanent label and its dose."""

import attrs

from trialdomain.protocol.faults import refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import NO_LABEL, WORDS_OF_ANSWERS, Label, as_label, is_label, is_word_of_answers


@attrs.frozen(kw_only=True)
class DoseLevel:
    """One dose level. The dose is optional, because the registry has levels without amounts."""

    level: int
    """The place in the order of escalation, from 1; it may change when a level is put before this one."""
    label: Label = attrs.field(default="", converter=as_label)
    """The permanent name of the level, such as ``"1a"`` or ``-1``; by default its place. Everything that is recorded
    names the level by its label."""
    dose: Dose | None = None
    """The dose: in all, or per kg of body weight or m2 of body surface."""

    def __attrs_post_init__(self) -> None:
        """Give a level without a label its place as the label, and refuse a label that is none."""
        self.settle()
        refuse(faults_of(self.checks()))

    def settle(self) -> None:
        """Give a level without a label its place as the label."""
        if self.label == "":
            object.__setattr__(self, "label", self.level)

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the level."""
        *others, last = WORDS_OF_ANSWERS
        whose = f"the label of level {self.level}" if having([self], "level") else "the label"
        return (
            lambda: unless(is_label(self.label) or self.label == "", f"{whose} {NO_LABEL}"),  # "" is no place yet
            lambda: unless(
                not is_word_of_answers(self.label),
                f"{whose}, {self.label!r}, means something else in answers, as {', '.join(others)} and {last} do: use "
                f"another one, such as DL-{self.level if having([self], 'level') else 1}",
            ),
        )
