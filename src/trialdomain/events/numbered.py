"""Positions and envelopes for drafts, as a log would give them; for histories that are never stored."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from trialdomain.events.recorded import Draft, Entry, Meta, Recorded
from trialdomain.values.ids import trial_of

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def numbered(drafts: Iterable[Draft[Any]]) -> list[Entry]:
    """Give drafts the positions and envelopes of a log: one command for each draft and the drafts that it causes."""
    versions: Counter[str] = Counter()
    entries: list[Entry] = []
    commands: list[list[Draft[Any]]] = []
    for draft in drafts:
        if draft.caused_by is None or not commands:
            commands.append([])
        commands[-1].append(draft)
    placed = (
        (at, part, of, draft) for at, of in enumerate(commands, start=1) for part, draft in enumerate(of, start=1)
    )
    for position, (command, part, parts, draft) in enumerate(placed, start=1):
        versions[draft.stream] += 1
        meta = Meta(
            recorded_at=_EPOCH + timedelta(seconds=command),
            user="test",
            command=f"command-{command}",
            part=part,
            parts=len(parts),
            caused_by=draft.caused_by,
            corrects=draft.corrects,
            reason=draft.reason,
            deviation=draft.deviation,
            source=draft.source,
        )
        entries.append(
            Recorded(
                trial=trial_of(draft.stream),
                position=position,
                stream=draft.stream,
                version=versions[draft.stream],
                meta=meta,
                fact=draft.fact,
            )
        )
    return entries
