"""Sealing: give each fact its envelope and the next version of its stream, and encode it for the store."""

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
        drafts: the facts to record, in this order.
        trial: the trial whose streams they go to.
        user: the id of the user who acts.
        command: the id of the command.
        recorded_at: the recording time.
        versions: by stream, its last version; 0 for a stream that is missing here.
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
    """Encode sealed entries for the store.

    Args:
        entries: the sealed entries.
        made_here: whether typed code of this library made them, or they were checked before. Then the check that they
            can be read back is skipped.

    Raises:
        FactUnstorable: an entry would not be read back as it is.
    """
    return [stored_of(one.stream, one.version, one.fact, one.meta, made_here=made_here) for one in entries]
