"""Sealing: facts are put into their envelopes, each with the next place in its stream, in the form that is stored."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trialdomain.events.recorded import Draft, Meta, Recorded
from trialdomain.storage.mapper import StoredEvent, stored_of


def sealed(
    drafts: Sequence[Draft[Any]],
    *,
    trial: str,
    user: str,
    command: str,
    recorded_at: datetime,
    versions: Mapping[str, int],
    after: int,
) -> list[Recorded[Any]]:
    """Seal the drafts of one command.

    Args:
        drafts: what is to be recorded, in this order.
        trial: whose streams they go to.
        user: who acts.
        command: the id of the command.
        recorded_at: when.
        versions: by stream, its last version; 0 where it is not named.
        after: the last position of the trial; positions are final once the store has appended the entries.
    """
    last = dict(versions)
    entries = []
    for part, draft in enumerate(drafts, start=1):
        last[draft.stream] = version = last.get(draft.stream, 0) + 1
        meta = Meta(
            recorded_at=recorded_at,
            user=user,
            command=command,
            part=part,
            parts=len(drafts),
            caused_by=draft.caused_by,
            corrects=draft.corrects,
            reason=draft.reason,
            deviation=draft.deviation,
            source=draft.source,
        )
        entries.append(
            Recorded(
                trial=trial, position=after + part, stream=draft.stream, version=version, meta=meta, fact=draft.fact
            )
        )
    return entries


def stored(entries: Iterable[Recorded[Any]], *, made_here: bool = False) -> list[StoredEvent]:
    """Give sealed entries in the form that is stored.

    Args:
        entries: what was sealed.
        made_here: whether they were made by typed code of this library, or were read back once: then they are not now.

    Raises:
        FactUnstorable: one would not be read back as what it is.
    """
    return [stored_of(one.stream, one.version, one.fact, one.meta, made_here=made_here) for one in entries]
