"""Conduct the trial of a story that begins with an import: its records are added as an import adds them."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, get_args, get_type_hints

import attrs
from typing_extensions import override

from trialdomain.commands.runner import User
from trialdomain.desk.trials import TrialHandle, Trials
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.recorded import Source
from trialdomain.intake.batch import Batch, Happened
from trialdomain.storage.codec import made_of
from trialdomain.storage.open_store import open_store
from trialdomain.stories.story import Acts, Line, Story
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.values.clinical.scale import scale_of
from trialdomain.values.given.text import FreeText


class ImportedSite(MadeUpSite):
    """A site in memory, whose trial begins with records of another system."""

    @override
    def _begun(self, by: User) -> tuple[Trials, TrialHandle]:
        store = open_store("memory:")
        try:
            self.batch = Batch(store, self.protocol, by=by, clock=lambda: self.now.astimezone(UTC), how="imported")
        except BaseException:
            store.close()
            raise
        trials = Trials(store, clock=self._clock)
        return trials, trials.trial(self.protocol.trial)


@attrs.define
class Records:
    """The records of an import, which are added subject by subject."""

    story: Story
    batch: Batch
    lines: dict[str, Line] = attrs.Factory(dict)
    """By the name of a record: its line."""
    waiting: list[Happened] = attrs.Factory(list)
    added: set[str] = attrs.Factory(set)
    """The subjects whose records were added."""

    def against(self, record: str, acts: Acts) -> str | None:
        """Say why a record cannot be added; None if it can."""
        subject, *others = acts.subjects
        if others:
            return "a record is of one subject: write a line for each"
        if record in self.lines:
            return f"record {record!r} is in line {self.lines[record].number} already"
        if subject in self.added:
            return f"the records of {subject} follow one another: move this line to the others"
        return None

    def add(
        self, line: Line, record: str, acts: Acts, fields: Sequence[Mapping[str, Any]], following: Line | None
    ) -> bool:
        """Keep a record, and add those of its subject if the next line has none of them; say whether they were added.

        In a strict story the facts carry the deviations that it tells, and no others.

        Raises:
            FactUnstorable: a value is missing, or cannot be.
        """
        subject, told = acts.subjects[0], [one.deviation for one in acts.phrases]
        self.lines[record] = line
        self.waiting.append(
            Happened(
                command=record,
                facts=[_fact(one.verb.kind, given) for one, given in zip(acts.phrases, fields, strict=True)],
                source=Source(system=self.story.imported or "", record=record),
                findings=[(at, why) for at, why in enumerate(told) if why is not None],
                deviations=told if self.story.strict else None,
            )
        )
        if _goes_on(subject, following):
            return False
        self.batch.add(subject, self.waiting)
        self.batch.finish()
        self.waiting, self.added = [], {*self.added, subject}
        return True


def _goes_on(subject: str, following: Line | None) -> bool:
    """Return whether the next line has another record of a subject."""
    item = None if following is None or following.record is None else following.item
    return isinstance(item, Acts) and item.subjects == (subject,)


def _fact(kind: type[Any], fields: Mapping[str, Any]) -> ParticipantFact:
    """Make a fact as an import makes it, from values as a story says them.

    Raises:
        FactUnstorable: a value is missing, or cannot be.
    """
    hints, values = get_type_hints(kind), dict(fields)
    for name, value in fields.items():
        if isinstance(value, str) and FreeText in (hints[name], *get_args(hints[name])):
            values[name] = FreeText.of(value)
    if isinstance(values.get("scale"), str):
        values["scale"] = scale_of(values["scale"])
    made: ParticipantFact = made_of(kind, values)
    return made
