"""The values of a manifest that follow from the entries: computing them, and comparing a manifest with them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import attrs

from trialdomain.errors import LogCorrupt, TrialError
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import TrialRegistered
from trialdomain.exchange.bundle import MANIFEST, Manifest
from trialdomain.exchange.lines import is_other_form, read_hash, read_root
from trialdomain.history import History
from trialdomain.history.history import SAYS_NOTHING
from trialdomain.projections.people import People
from trialdomain.storage.mapper import entry_of
from trialdomain.storage.store import StoredEntry
from trialdomain.tree.proofs import LARGEST_SIZE
from trialdomain.values.ids import check_id, trial_stream
from trialdomain.values.role import Role
from trialdomain.verification.defect import shortened

_MOST_BYTES = 64 * 1024 * 1024
"""The limit for the entries of the trial's own stream, which stay in memory: a real trial has a hundredth of it."""
_LONGEST_WHY = 400
_LONGEST = 70
"""The most characters of a manifest's value in a message."""
_QUIET = {NAMES[kind].rpartition(".")[0] for kind in SAYS_NOTHING}
"""The stored names, without their versions, of entries that are not about the trial itself."""


@attrs.frozen(kw_only=True)
class Stated:
    """The values of a manifest that follow from the entries; see :class:`trialdomain.exchange.bundle.Manifest`."""

    on: str
    zone: str
    protocol: str
    software: str | None


def stated(history: History) -> Stated:
    """Compute the values of a manifest from a log.

    Raises:
        LogCorrupt: the log does not register the trial, or an entry cannot be read.
    """
    on = history.last_day()
    people = People(history.entries_of(trial_stream(history.trial)))
    return Stated(
        on=on.isoformat(),
        zone=str(history.zone),
        protocol=history.casebook(on=on).protocol.version,
        software=people.software(at=history.position),
    )


class NotComparable(LogCorrupt):
    """The values of a manifest cannot be computed from the entries of a bundle."""

    code = "not-comparable"


def _followed(read: Callable[[], Iterable[StoredEntry]], trial: str, size: int) -> tuple[Stated, datetime]:
    """Compute the values of a manifest from the entries of a whole bundle, and the time of the last entry.

    Args:
        read: returns the entries in the order of positions; it is called once or twice.
        trial: the trial of the entries.
        size: the number of entries.

    Raises:
        LogCorrupt: the entries do not register the trial, or one of them cannot be read.
    """
    found = _Kept.of(read(), trial, size)
    last = None if found.last is None else entry_of(found.last)
    if last is None:
        raise NotComparable("there is no entry")
    if last.meta.part < last.meta.parts:  # inside a command, the state is that before the command
        found = _Kept.of(read(), trial, size - last.meta.part)
    of_trial, said = [entry_of(one) for one in found.of_trial], found.said
    zone = next((one.fact.protocol.site_zone for one in of_trial[:1] if isinstance(one.fact, TrialRegistered)), UTC)
    history = History(
        trial,
        found.until,
        lambda leave_out=(): [(trial, [one for one in of_trial if type(one.fact) not in leave_out])],
        lambda stream: of_trial if stream == trial_stream(trial) else (),
        lambda: iter(() if said is None else (entry_of(said),)),
        zone,
    )
    return stated(history), last.meta.recorded_at


@attrs.define
class _Kept:
    """The entries up to a position from which the values of a manifest follow."""

    until: int
    of_trial: list[StoredEntry] = attrs.field(factory=list)
    """The entries of the trial's own stream."""
    said: StoredEntry | None = None
    """The last entry that is about the trial itself."""
    last: StoredEntry | None = None

    @classmethod
    def of(cls, entries: Iterable[StoredEntry], trial: str, until: int) -> "_Kept":
        found, left = cls(until), _MOST_BYTES
        for entry in entries:
            if entry.position > until:
                break
            found.last = entry
            if entry.topic.rpartition(".")[0] not in _QUIET:
                found.said = entry
            if entry.originator_id == trial_stream(trial):
                found.of_trial.append(entry)
                left -= len(entry.state)
                if left < 0:
                    raise NotComparable(f"the trial's own stream has more than {_MOST_BYTES} bytes")
        return found


def against_entries(
    manifest: Manifest, read: Callable[[], Iterable[StoredEntry]], trial: str, size: int
) -> Iterator[str]:
    """Yield a sentence for each value of a manifest that does not follow from the entries of the whole log."""
    try:
        follows, last = _followed(read, trial, size)
    except TrialError as error:
        yield f"{MANIFEST} cannot be compared with the entries: {str(error)[:_LONGEST_WHY]}"
        return
    for name, said in attrs.asdict(follows).items():
        found = getattr(manifest, name)
        if found != said:
            yield f"{MANIFEST} says {name} {quoted(found)}, but from the entries follows {quoted(said)}"
    yield from _against_time(manifest, last)


def against_last(manifest: Manifest, stored: StoredEntry) -> Iterator[str]:
    """Yield a sentence for each value of a manifest that contradicts the last entry of a filtered bundle."""
    try:
        meta = entry_of(stored).meta
        day = meta.recorded_at.astimezone(ZoneInfo(manifest.zone)).date().isoformat()
    except (TrialError, ValueError, LookupError, OSError):
        return  # an entry of a newer version; or an unknown zone, which is another defect
    whole_command = stored.position + meta.parts - meta.part <= manifest.size
    if whole_command and manifest.on < day:
        yield f"{MANIFEST} says on {quoted(manifest.on)}, but an entry was recorded on {day}"
    yield from _against_time(manifest, meta.recorded_at)


def _against_time(manifest: Manifest, last: datetime) -> Iterator[str]:
    """Compare the time of the export with the last entry, where the log records the export: one clock made both."""
    if manifest.recorded is not None and _is(_moment, manifest.at) and _moment(manifest.at) < last:
        yield f"{MANIFEST} says at {quoted(manifest.at)}, but an entry was recorded after that, at {last.isoformat()}"


def contradictions(manifest: Manifest) -> Iterator[str]:
    """Yield a sentence for each value that no manifest can have, whatever the entries are."""
    says = f"{MANIFEST} says"
    if not 0 < manifest.size <= LARGEST_SIZE:
        yield f"{says} a tree of {quoted(manifest.size)} entries, which no log has"
    for name, text, read, what in (
        ("root", manifest.root, read_root, "root: one has 32 bytes in base64"),
        ("on", manifest.on, date.fromisoformat, "day"),
        ("zone", manifest.zone, ZoneInfo, "zone"),
        ("at", manifest.at, _moment, "time with its offset"),
    ):
        if not _is(read, text):
            yield f"{says} {name} {quoted(text)}, which is not a {what}"
    if MANIFEST in manifest.files:
        yield f"{says} its own hash, which it cannot know"
    for name, file in manifest.files.items():
        if file.bytes < 0 or read_hash(file.sha256) is None:
            yield f"{says} of {quoted(name)} a size or a hash that no file can have"
    yield from _of_participants(manifest, says)
    yield from _of_the_export(manifest, says)


def _of_the_export(manifest: Manifest, says: str) -> Iterator[str]:
    by, recorded = manifest.by, manifest.recorded
    if (by is None) != (recorded is None):
        yield f"{says} only who exported it, or only where that is recorded: a bundle says both, or neither"
    if recorded is not None and recorded <= manifest.size:
        yield f"{says} recorded {quoted(recorded)}: the record of an export comes after the {quoted(manifest.size)}"
    if by is not None and not _is(Role, by.role):
        yield f"{says} role {quoted(by.role)}, which is not a role"


def _of_participants(manifest: Manifest, says: str) -> Iterator[str]:
    participants = manifest.participants
    if participants is None:
        if manifest.entries != manifest.size:
            of = f"entries {quoted(manifest.entries)} of {quoted(manifest.size)}"
            yield f"{says} {of}: a bundle of the whole log has all of them"
        return
    if not participants:
        yield f"{says} an empty list of participants: write null for the whole log, or name at least one"
    for subject, times in Counter(participants).items():
        if times > 1:
            yield f"{says} participant {quoted(subject)} {times} times"
        if not _is(lambda given: check_id("subject", given), subject):
            yield f"{says} participant {quoted(subject)}, which is not the code of a participant"
    if not 0 < manifest.entries <= manifest.size:
        yield f"{says} entries {quoted(manifest.entries)} of {quoted(manifest.size)}, which no bundle can have"


def in_other_form(manifest: Manifest) -> Iterator[str]:
    """Yield a sentence for each hash of a manifest that is written in another form, but has the same value."""
    written = f"{MANIFEST} writes"
    root = read_root(manifest.root)
    if root is not None and is_other_form(manifest.root, root):
        yield f"{written} its root in another form; its value is unchanged"
    for name, file in manifest.files.items():
        read = read_hash(file.sha256)
        if read is not None and read.hex() != file.sha256:
            yield f"{written} the hash of {quoted(name)} in another form; its value is unchanged"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _is(read: Callable[[str], object], text: str) -> bool:
    try:
        return read(text) is not None
    except (ValueError, LookupError, OSError):
        return False


def quoted(value: object) -> str:
    """Quote a value of a manifest for a message, up to a limit."""
    text = shortened(value)[:_LONGEST]
    return f"{text!r}" if isinstance(value, str) else text
