"""Conduct the trial of a story that begins with an import: its records are added as an import adds them."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, get_args, get_type_hints

from typing_extensions import override

from trialdomain.commands.runner import User
from trialdomain.desk.trials import TrialHandle, Trials
from trialdomain.events.participant import ParticipantFact
from trialdomain.intake.batch import Batch
from trialdomain.storage.codec import made_of
from trialdomain.storage.open_store import open_store
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


def imported_fact(kind: type[Any], fields: Mapping[str, Any]) -> ParticipantFact:
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
