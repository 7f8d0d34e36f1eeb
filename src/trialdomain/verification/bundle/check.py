"""Checking an audit bundle: files against the manifest, entries against the tree, the manifest against the entries."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import attrs

from trialdomain.errors import LogUnusable
from trialdomain.exchange.bundle import (
    CHECKPOINT,
    EVENTS,
    LARGEST_MANIFEST,
    MANIFEST,
    PROOFS,
    BundleFile,
    BundleMalformed,
    FormUnknown,
    KeyTwice,
    Manifest,
    read_manifest,
)
from trialdomain.exchange.lines import Line, read_hash, read_root
from trialdomain.signing.keys import SignatureMissing, VerifierKey, signers
from trialdomain.tree.checkpoint import Checkpoint, as_base64, parse_checkpoint
from trialdomain.tree.note import MOST_BYTES, Note, NoteMalformed, parse_note
from trialdomain.tree.proofs import LARGEST_SIZE
from trialdomain.values.given.plural import n_entries
from trialdomain.values.ids import kind_of, trial_of
from trialdomain.verification.bundle.entries import BundleEntries
from trialdomain.verification.bundle.files import MemberUnreadable, Unpacked
from trialdomain.verification.bundle.found import TreeHead
from trialdomain.verification.bundle.lines import ends_a_trial, first_entries, is_packed, last_entry, stored_entries
from trialdomain.verification.bundle.manifest import (
    against_entries,
    against_last,
    contradictions,
    in_other_form,
    quoted,
)
from trialdomain.verification.defect import Defect, Defects, What, shortened
from trialdomain.verification.entries_check import EntriesCheck
from trialdomain.verification.exported import Exported
from trialdomain.verification.judged_notes import NoteToCheck

_NOTE = f"the bundle's {CHECKPOINT}"
_NEEDED = (EVENTS, PROOFS, CHECKPOINT)
_FIRST = 20
"""The number of first entries that decide the trial of a bundle, and whether it has the whole log."""
_SPOIL = frozenset(
    {
        What.ALTERED,
        What.NO_LEAF,
        What.MISSING,
        What.REORDERED,
        What.MISPLACED,
        What.TRUNCATED,
        What.REWRITTEN,
        What.MALFORMED,
        What.DAMAGED,
    }
)
"""The kinds of defects of entries after which the manifest is not compared with the entries."""


@attrs.frozen
class BundleTree:
    """The tree of a filtered bundle, to which its proofs lead."""

    trial: str
    head: TreeHead
    first_gap: int | None = None
    """Always None: a filtered bundle does not have all entries."""

    @property
    def size(self) -> int:
        """The number of entries of the tree."""
        return self.head.size

    def root(self) -> bytes:
        """Return the root."""
        return self.head.root

    def fits(self, root: bytes, size: int) -> bool:
        """Say whether the tree has a root and a size."""
        return TreeHead(size, root) == self.head

    def but(self, root: bytes, size: int) -> str:  # noqa: ARG002 - the interface of a tree
        """Return an empty text: an entry that does not fit its proof is a defect of its own."""
        return ""


class BundleCheck:
    """Checks one bundle.

    The manifest, the checkpoint, the entries of a whole bundle, and each entry with its proof all lead to a tree. Where
    they differ, the tree to which most entries lead is taken as that of the bundle, and the rest are defects. So one
    changed part does not put the other parts in doubt.

    Args:
        bundle: the files of the bundle.
        defects: collects the defects.
        keys: the trusted keys; None to verify no signature.
    """

    def __init__(self, bundle: Unpacked, defects: Defects, keys: Sequence[VerifierKey] | None) -> None:
        self._bundle, self._defects, self._keys = bundle, defects, keys
        self._unreadable: set[str] = set()
        self._too_large: list[str] = []
        self._exported: Exported | None = None
        self._checked = False
        """Whether its entries were compared with a tree."""
        self.trial: str | None = None
        """The trial of the bundle."""
        self.known_form = True
        """Whether this software knows the format of the bundle."""
        self.manifest: Manifest | None = None
        """The manifest; None where it cannot be read at all."""
        self.manifest = self._read_manifest()
        self._claimed = None if self.manifest is None else _head(self.manifest.size, read_root(self.manifest.root))
        self._note, self._checkpoint = None, None
        if not self.known_form:
            return
        self._files()
        self._note, self._checkpoint = self._read_checkpoint()
        first = self._first_entries()
        self.trial = self._whose(first)
        self.whole = self._is_whole(first)
        """Whether the bundle has the whole log."""

    @property
    def readable(self) -> bool:
        """Whether the file of entries can be read."""
        return self.known_form and EVENTS not in self._unreadable

    @property
    def sizes(self) -> list[int]:
        """The sizes of the trees whose roots the comparison needs."""
        heads = (self._claimed, self._signed)
        return [head.size for head in heads if head is not None]

    def exported(self) -> Exported:
        """Return a reader of the entries of a whole bundle, as of an exported file."""
        path = self._bundle.members[EVENTS].path
        self._exported = Exported(self._bundle.place if path is None else path, self._defects, member=EVENTS)
        return self._exported

    def of_whole(self, check: EntriesCheck) -> list[NoteToCheck]:
        """Compare everything else with the entries of a whole bundle, which were read; return the notes about them."""
        if check.trial != self.trial:
            self._add(What.BUNDLE, f"{EVENTS} also has entries of trial {shortened(check.trial)}", trial=check.trial)
            return []
        self._checked = True
        head = self._entries(check.trial).whole(check)
        right = (
            head is not None
            and check.first_gap is None
            and head in {TreeHead(check.size, root) for root in (check.root(), check.computed_root)}
        )
        self._compare_claim(head)
        self._judge_end(check, head if right else None)
        if self._spoiled():
            return self._held(head, check)
        if not right:
            why = "the entries do not have the root of the bundle: they were changed together with their leaves"
            self._add(What.REWRITTEN, why)
        elif self.manifest is not None:
            entries = partial(stored_entries, self._bundle, check.trial)
            for why in against_entries(self.manifest, entries, check.trial, check.size):
                self._add(What.BUNDLE, why)
        return self._held(head, check)

    def of_some(self, count: Callable[[int], None]) -> tuple[BundleTree, list[NoteToCheck]] | None:
        """Check the entries of a filtered bundle; return their tree and the notes about it, where it is known."""
        manifest, trial = self.manifest, self.trial
        if trial is None:
            self._add(What.BUNDLE, f"{EVENTS} has no entry, and no other file names its trial")
            return None
        self._checked = True
        participants = None if manifest is None else manifest.participants
        said = None if manifest is None else manifest.entries
        head = self._entries(trial).filtered(participants, said, count)
        if head is None:
            return None
        self._compare_claim(head)
        last = None if self._spoiled() else last_entry(self._bundle, trial)
        if manifest is not None and last is not None:
            for why in against_last(manifest, last):
                self._add(What.BUNDLE, why)
        return BundleTree(trial, head), self._held(head, None)

    def _entries(self, trial: str) -> BundleEntries:
        proofs = PROOFS not in self._unreadable
        return BundleEntries(self._bundle, self._defects, trial, self._heads(), proofs=proofs)

    def end(self) -> None:
        """Add defects for what was not read.

        Raises:
            LogUnusable: a file was too large to unpack, and there is no other defect.
        """
        if not self._checked and self._claimed is not None and self._signed not in {None, self._claimed}:
            self._add(What.BAD_CHECKPOINT, f"{_NOTE} is of another tree than the manifest")
        if self._too_large and not self._defects.total:
            raise LogUnusable(
                f"{self._bundle.place} cannot be unpacked: {self._too_large[0]}; ask for the bundle again"
            )
        for why in self._too_large:
            self._add(What.BUNDLE, why)

    # The files.

    def _read_manifest(self) -> Manifest | None:
        try:
            manifest = read_manifest(self._bundle.read(MANIFEST, most=LARGEST_MANIFEST))
        except KeyTwice as error:
            self._add(What.BUNDLE, str(error))
            manifest = error.manifest
        except (BundleMalformed, MemberUnreadable) as error:
            self._add(What.BUNDLE, str(error))
            self.known_form = not isinstance(error, FormUnknown)
            return None
        for why in contradictions(manifest):
            self._add(What.BUNDLE, why)
        for why in in_other_form(manifest):
            self._add(What.REFORMATTED, why)
        return manifest

    def _files(self) -> None:
        """Compare every file with its description in the manifest."""
        for why in self._bundle.wrong:
            self._add(What.BUNDLE, why)
        named = {} if self.manifest is None else self.manifest.files
        members = self._bundle.members
        for name in sorted({*named, *members, *_NEEDED} - {MANIFEST}):
            member = members.get(name)
            if self.manifest is not None and name not in named:
                added = f"{shortened(name)} is not in the manifest: it was added"
                self._add(What.BUNDLE, f"{MANIFEST} names no {name}" if name in _NEEDED else added)
            if member is None:
                self._cannot_read(name, f"{shortened(name)} is missing")
            elif member.too_large and name not in _NEEDED:
                self._too_large.append(f"{shortened(name)} {member.why}")
            elif member.path is None and (name in named or name in _NEEDED):
                self._cannot_read(name, f"{shortened(name)} {member.why}")
            elif name in named:
                self._compare_file(name, named[name])
        for name in (EVENTS, PROOFS):
            if name not in self._unreadable and is_packed(self._bundle, name):
                self._cannot_read(name, f"{name} is compressed, and was not read: files of a bundle are not compressed")

    def _compare_file(self, name: str, said: BundleFile) -> None:
        try:
            found = self._bundle.described(name, said)
        except MemberUnreadable as error:
            self._cannot_read(name, str(error))
            return
        if (found.bytes, bytes.fromhex(found.sha256)) != (said.bytes, read_hash(said.sha256)):
            self._add(What.BUNDLE, f"{shortened(name)} does not have the size and hash of the manifest: it was changed")

    def _cannot_read(self, name: str, why: str) -> None:
        self._unreadable.add(name)
        self._add(What.BUNDLE, why)

    def _read_checkpoint(self) -> tuple[Note | None, Checkpoint | None]:
        """Read the checkpoint, signed or not."""
        if CHECKPOINT in self._unreadable:
            return None, None
        try:
            text = self._bundle.read(CHECKPOINT, most=MOST_BYTES)
            note = parse_note(text) if b"\n\n" in text else Note(text.decode(), ())
            return note, parse_checkpoint(note.text)
        except (NoteMalformed, UnicodeDecodeError, MemberUnreadable) as error:
            self._add(What.BAD_CHECKPOINT, f"{_NOTE} is not a checkpoint: {error}")
            return None, None

    # The contents of the files.

    def _first_entries(self) -> list[Line]:
        try:
            return first_entries(self._bundle, _FIRST) if EVENTS not in self._unreadable else []
        except MemberUnreadable as error:
            self._cannot_read(EVENTS, str(error))
            return []

    def _whose(self, first: Sequence[Line]) -> str | None:
        """Find the trial of the bundle from its entries; without entries, from the manifest or the checkpoint."""
        said = None if self.manifest is None else self.manifest.trial
        if not first:
            return said or (None if self._checkpoint is None else self._checkpoint.trial)
        [(found, _)] = Counter(trial_of(one.stream) for one in first).most_common(1)
        if said is not None and found != said:
            why = f"{MANIFEST} says trial {quoted(said)}, but the entries are of trial {quoted(found)}"
            self._add(What.BUNDLE, why)
        return found

    def _is_whole(self, first: Sequence[Line]) -> bool:
        """Say whether the bundle has the whole log; where manifest and entries differ, the entries decide."""
        says = self.manifest is None or self.manifest.participants is None
        if not first:
            return says
        ends = ends_a_trial(self._bundle)
        some = not ends and all(kind_of(one.stream) == "participant" for one in first)
        everything = ends and first[0].position == 1 and kind_of(first[0].stream) != "participant"
        if self.manifest is None:
            return not some
        if says and some:
            self._add(What.BUNDLE, f"{MANIFEST} says that the log is whole, but {EVENTS} has only some participants")
        if not says and everything:
            self._add(What.BUNDLE, f"{MANIFEST} names participants, but {EVENTS} has the whole log")
        return not some if says else everything

    @property
    def _signed(self) -> TreeHead | None:
        """The tree of the checkpoint."""
        found = self._checkpoint
        return None if found is None else _head(found.size, found.root)

    def _heads(self) -> list[TreeHead]:
        """The trees that the bundle names; first that of the checkpoint, if it is of this log."""
        of_this = self._checkpoint is not None and self._checkpoint.trial == self.trial
        return [head for head in (self._signed if of_this else None, self._claimed) if head is not None]

    def _compare_claim(self, head: TreeHead | None) -> None:
        if head is not None and self._claimed not in {None, head}:
            claimed = (
                f"{MANIFEST} says {quoted(self._claimed.size)} entries with the root {as_base64(self._claimed.root)}"
            )
            self._add(What.BUNDLE, f"{claimed}, but the bundle is of {head.size} with the root {as_base64(head.root)}")

    def _judge_end(self, check: EntriesCheck, head: TreeHead | None) -> None:
        """Check the last line of the entries: against the tree, where the entries have its root."""
        end = None if self._exported is None else self._exported.end
        if head is None:
            if self._exported is not None:
                self._exported.judge_end(check)
        elif end is None:
            self._add(What.BUNDLE, f"the last line of {EVENTS}, with the trial's size and root, is missing")
        elif (end.trial, end.size, end.root) != (check.trial, head.size, head.root):
            root = as_base64(end.root) or "that is not a hash"
            what = f"{quoted(end.size)} entries of trial {quoted(end.trial)} with the root {root}"
            self._add(What.BUNDLE, f"the last line of {EVENTS} says {what}: it was changed", line=end.line)

    def _held(self, head: TreeHead | None, check: EntriesCheck | None) -> list[NoteToCheck]:
        """Return the checkpoint of the bundle for the comparison with its entries, where it is about them."""
        note, checkpoint = self._note, self._checkpoint
        if note is None or checkpoint is None:
            return []
        if checkpoint.trial != self.trial:
            self._add(What.BAD_CHECKPOINT, f"{_NOTE} is of {quoted(checkpoint.origin)}, not of the bundle's log")
            return []
        held = [NoteToCheck(where=_NOTE, checkpoint=checkpoint, note=note, outside=False)]
        if self._signed == head:
            return held
        if check is not None and check.fits(checkpoint.root, checkpoint.size):
            self._add(What.BUNDLE, f"{_NOTE} is of only {n_entries(checkpoint.size)}: it is an older one")
            return held
        if check is not None and self._trusts(note):
            return held
        self._add(What.BAD_CHECKPOINT, f"{_NOTE} is of another tree than the entries")
        return []

    def _trusts(self, note: Note) -> bool:
        try:
            return bool(signers(note, self._keys or ()))
        except SignatureMissing:
            return False

    def _spoiled(self) -> bool:
        return any(one.what in _SPOIL for one in self._defects.listed)

    def _add(self, what: What, why: str, *, trial: str | None = None, line: int | None = None) -> None:
        whose = self.trial or (None if self.manifest is None else self.manifest.trial)
        self._defects.add(Defect(what=what, why=why, trial=trial or whose, line=line))


def _head(size: int, root: bytes | None) -> TreeHead | None:
    """Return the head of a tree; None where no tree has such a size or root."""
    return TreeHead(size, root) if root is not None and 0 < size <= LARGEST_SIZE else None
