"""Comparing the entries of a bundle with their proofs: a wrong entry or proof becomes a defect, and no right one does.

The tree is not taken only from the manifest: where manifest, checkpoint and entries differ, the majority of the entries
decides.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import attrs

from trialdomain.exchange.bundle import MANIFEST, PROOFS
from trialdomain.exchange.lines import Last, Line, LineUnreadable, other_form, read_hash
from trialdomain.values.given.plural import n_entries
from trialdomain.values.ids import subject_of
from trialdomain.verification.bundle.files import Unpacked
from trialdomain.verification.bundle.found import Broken, FoundEntry, FoundProof, TreeHead
from trialdomain.verification.bundle.lines import found_entry, proof_lines, read_lines, whole_entries
from trialdomain.verification.bundle.pairs import Pairing
from trialdomain.verification.bundle.settling import Left
from trialdomain.verification.bundle.streams import Streams
from trialdomain.verification.defect import Defect, Defects, What, shortened
from trialdomain.verification.entries_check import EntriesCheck

_FEW = 2
"""The number of pairs from which on, where none leads to a known tree, the tree is wrong and not each pair."""
_MOST_LISTED = 5
"""The most participants in one sentence."""
_MOST_GONE = 1_000
"""The most entries missing at the end that become a defect each."""


@attrs.define
class _Found:
    """Counts over the lines of a filtered bundle."""

    said: int | None
    """The number of entries in the manifest; None where it cannot be read."""
    foreign: int = 0
    """The number of entries of other participants than the bundle is filtered to."""
    foreign_entries: list[FoundEntry] = attrs.field(factory=list)
    """The first of these entries."""
    exchanged: bool = False
    """Whether they replace a named participant without any entry."""
    twice: int = 0
    missing: int = 0


class BundleEntries:
    """Checks the entries and the proofs of one bundle.

    Args:
        bundle: the files of the bundle.
        defects: collects the defects.
        trial: the trial of the entries.
        heads: the trees that the checkpoint and the manifest name, the most trusted first.
        proofs: whether the file of proofs can be read; if not, that is a defect already.
    """

    def __init__(
        self, bundle: Unpacked, defects: Defects, trial: str, heads: Iterable[TreeHead], *, proofs: bool
    ) -> None:
        self._bundle, self._defects, self._trial = bundle, defects, trial
        self._heads = list(dict.fromkeys(heads))
        self._readable = proofs
        self._places: dict[int, tuple[str, int]] = {}
        """By position: the stream and the version of an entry, for a defect of its proof."""

    def whole(self, check: EntriesCheck) -> TreeHead | None:
        """Compare the proofs with the entries of a whole log, whose own defects are known; return its tree."""
        own = [] if check.first_gap is not None else [TreeHead(check.size, check.root())]
        if own and check.computed_root != check.root():
            own.append(TreeHead(check.size, check.computed_root))
        heads = list(dict.fromkeys([*self._heads, *own]))
        pairing = Pairing(whole_entries(self._bundle, self._trial), self._proofs(), heads)
        for _ in pairing.run():
            pass  # their versions were checked before
        led_to = _most_led_to(pairing, heads)
        head = led_to or _agreed(own, self._heads)
        if not self._has_proofs(pairing) or head is None:
            return head
        if led_to is None and pairing.number >= _FEW:
            self._add(
                What.BUNDLE, f"none of the {pairing.number} proofs leads to the root: {PROOFS} is of another tree"
            )
            return head
        left = pairing.left(head)
        self._find_places(left)
        for entry in left.unproven:
            if head in own:
                self._of(What.BUNDLE, f"the proof of position {entry.position} was changed", entry)
            else:
                self._altered(entry)
        for _ in self._within(head, left.without_entry):
            pass  # an entry that is missing between others is a defect already
        for position in range(check.size + 1, min(head.size, check.size + _MOST_GONE) + 1):
            self._add(What.MISSING, f"position {position} is missing: the tree has {head.size}", position=position)
        self._defects.add_unnamed(max(0, head.size - check.size - _MOST_GONE))
        self._report_proofs(left, pairing, head)
        return head

    def filtered(
        self, participants: Collection[str] | None, said: int | None, count: Callable[[int], None]
    ) -> TreeHead | None:
        """Check the entries of some participants; return their tree, or None where it is unknown.

        Args:
            participants: the participants; None where they are unknown.
            said: the number of entries in the manifest; None where it cannot be read.
            count: a callback for each checked entry.
        """
        streams, found = Streams(self._trial, participants), _Found(said)
        pairing = Pairing(self._own_entries(streams, found), self._proofs(), self._heads)
        for entry, trusted in pairing.run():
            due = streams.take(entry, trusted=trusted)
            if due is not None:
                why = f"the entry has version {entry.version} of its stream, where version {due} is due"
                self._of(What.REORDERED, why, entry)
            count(1)
        self._report_foreign(streams, found)
        led_to = _most_led_to(pairing, self._heads)
        head = led_to or next(iter(self._heads), None)
        elsewhere = led_to is None and pairing.number >= _FEW and bool(self._heads)
        left = pairing.left(None if elsewhere else head)
        self._find_places(left)
        self._report_entries(left, pairing, streams, found)
        self._report_missing(left, pairing, streams, found)
        if self._has_proofs(pairing):
            self._report_proofs(left, pairing, head)
        if elsewhere:
            why = f"none of {n_entries(pairing.number)} is in the tree of {MANIFEST} or of the checkpoint"
            self._add(What.BUNDLE, f"{why}: they are of another tree, or all of them were changed")
        least = pairing.entries.number - found.twice - found.foreign + found.missing
        most = least + found.foreign + max(0, len(pairing.broken_entries) - found.missing)
        if said is not None and not least <= said <= most and not streams.absent():
            why = f"{MANIFEST} says {n_entries(said)}, but there are {pairing.entries.number}"
            self._add(What.BUNDLE, f"{why}: some were left out, or added, or the number was changed")
        return None if elsewhere else head

    def _own_entries(self, streams: Streams, found: _Found) -> Iterator[FoundEntry | Broken]:
        """Read the entries of a filtered bundle, and add the defects of each single entry."""
        for number, read in read_lines(self._bundle):
            try:
                if isinstance(read, Last):
                    raise LineUnreadable(f"the line is the last of trial {shortened(read.trial)!r}, and not an entry")  # noqa: TRY301 - joins the rest
                entry = read if isinstance(read, Broken) else found_entry(number, read)
            except LineUnreadable as error:
                entry = Broken(number, str(error))
            if isinstance(entry, Broken):
                self._add(What.MALFORMED, entry.why, line=number)
            elif isinstance(read, Line):
                self._judge(read, entry)
                if entry.fits and not streams.has(entry.stream):
                    found.foreign += 1
                    if len(found.foreign_entries) < _MOST_GONE:
                        found.foreign_entries.append(entry)
            yield entry

    def _judge(self, read: Line, entry: FoundEntry) -> None:
        beside = read_hash(read.leaf)
        if beside is None:
            self._of(What.NO_LEAF, "the entry has no leaf: another program inserted it", entry)
        elif not entry.fits:
            self._of(What.ALTERED, "the entry does not fit its leaf", entry)
        elif read.leaf != entry.leaves[-1].hex():
            form = other_form(read, entry.leaves[-1])
            self._of(What.REFORMATTED, f"{form}; its content is unchanged", entry)

    def _proofs(self) -> Iterator[FoundProof | Broken]:
        if self._readable:
            yield from proof_lines(self._bundle)

    def _has_proofs(self, pairing: Pairing) -> bool:
        """Say whether there is any proof; where there is none, add one defect."""
        if pairing.proofs.number or not self._readable or not pairing.entries.number:
            return pairing.proofs.number > 0
        self._add(What.BUNDLE, f"{PROOFS} has no proof: nothing shows that the entries are in the tree")
        return False

    def _report_foreign(self, streams: Streams, found: _Found) -> None:
        """Add defects for entries of other participants; or for the manifest, where it names others in their place."""
        absent = streams.absent()
        if absent and found.foreign_entries:
            found.exchanged = True
            there = sorted({entry.stream for entry in found.foreign_entries})
            why = (
                f"{MANIFEST} names {_listed(absent)}, who have no entry, and not {_listed(there)}, who have entries: "
                f"the manifest was changed, or the entries were exchanged"
            )
            self._add(What.BUNDLE, why)
            return
        for entry in found.foreign_entries:
            self._of(What.MISPLACED, "the entry is not of a participant of the filtered bundle", entry)
        self._defects.add_unnamed(found.foreign - len(found.foreign_entries))

    def _report_entries(self, left: Left, pairing: Pairing, streams: Streams, found: _Found) -> None:
        """Add defects for the entries of a filtered bundle that are out of order, or not in the tree."""
        for entry in left.unproven:
            self._altered(entry)
        for one in left.entries:
            entry = one.found
            if one.twice:
                found.twice += 1
                why = f"position {entry.position} comes twice"
            elif one.proven is not None:
                why = f"the entry says position {entry.position}, but its proof shows that it is {one.proven}"
            else:
                why = f"position {entry.position} is out of order"
            self._of(What.REORDERED, why, entry)
        too_many = {one.found.line for one in left.entries if one.twice}
        alone = {entry.line for entry, _ in left.without_proof}
        for entry in pairing.entries.aside:
            if entry.line not in too_many:
                streams.fill(entry)
            if entry.line in alone and not pairing.proofs.number:
                self._of(What.REORDERED, f"position {entry.position} is out of order", entry)

    def _report_missing(self, left: Left, pairing: Pairing, streams: Streams, found: _Found) -> None:
        """Add defects for the missing entries of a filtered bundle, and for the proofs without an entry."""
        for stream in () if found.exchanged else streams.absent():
            self._add(What.MISSING, "the participant has no entry", stream=shortened(stream))
        if not pairing.entries.number:
            return  # no participant has an entry
        proofs = {proof.line: proof for proof in self._within(left.head, left.without_entry)}
        for gap, proof in streams.missing(list(proofs.values())):
            found.missing += gap.upto - gap.version + 1
            several = f"versions {gap.version} to {gap.upto} of the stream are missing"
            why = several if gap.upto > gap.version else f"version {gap.version} of the stream is missing"
            position = None if proof is None else proofs.pop(proof.line).position
            self._add(What.MISSING, why, position=position, stream=shortened(gap.stream), version=gap.version)
        known = pairing.entries.number - found.twice
        said = known + len(pairing.broken_entries) if found.said is None else found.said
        for proof in proofs.values():
            if known + found.missing < said:
                found.missing += 1
                self._gone(proof)
            else:
                why = f"position {proof.position} has a proof, but no entry: the proof was added, or the entry removed"
                self._of(What.BUNDLE, why, proof)

    def _within(self, head: TreeHead | None, proofs: Iterable[FoundProof]) -> Iterator[FoundProof]:
        """Yield the proofs of positions in the tree; add a defect for each other proof."""
        for proof in proofs:
            if head is None or 0 < proof.position <= head.size:
                yield proof
            else:
                why = f"line {proof.line} of {PROOFS} is of position {proof.position}, but the tree has {head.size}"
                self._of(What.BUNDLE, why, proof)

    def _gone(self, proof: FoundProof) -> None:
        why = f"position {proof.position} is missing, but has a proof"
        self._add(What.MISSING, why, position=proof.position)

    def _report_proofs(self, left: Left, pairing: Pairing, head: TreeHead | None) -> None:
        """Add defects for proofs that are missing, out of order or unreadable, and for those without an entry."""
        for entry, line in left.without_proof:
            if head is not None and not 0 < entry.position <= head.size:
                why = f"position {entry.position} is not in the tree of {n_entries(head.size)}"
            elif line is not None:
                why = f"line {line.line} of {PROOFS} should be the proof of position {entry.position}: {line.why}"
            else:
                why = f"position {entry.position} has no proof"
            self._of(What.BUNDLE, why, entry)
        for one in left.proofs:
            proof = one.found
            if one.proven is not None:
                why = f"line {proof.line} of {PROOFS} says position {proof.position}, but proves position {one.proven}"
                proof = attrs.evolve(proof, position=one.proven)
            elif one.twice:
                why = f"the proof of position {proof.position} comes a second time, in line {proof.line} of {PROOFS}"
            else:
                why = f"the proof of position {proof.position} is out of order, in line {proof.line} of {PROOFS}"
            self._of(What.BUNDLE, why, proof)
        for line in pairing.broken_proofs:
            self._add(What.BUNDLE, f"line {line.line} of {PROOFS}: {line.why}", line=line.line)
        self._defects.add_unnamed(left.unnamed)

    def _altered(self, entry: FoundEntry) -> None:
        """Add a defect for an entry whose proof does not lead to the tree, unless it is listed as altered already."""
        why = f"position {entry.position} is not in the tree of the bundle: it was altered, or its proof was"
        defect = self._defect(What.ALTERED, why, entry)
        if entry.fits and not self._defects.knows(defect):
            self._defects.add(defect)

    def _find_places(self, left: Left) -> None:
        """Find the streams and versions of the entries whose proofs have defects."""
        wanted = {one.found.position if one.proven is None else one.proven for one in left.proofs}
        if not wanted:
            return
        for _, read in read_lines(self._bundle):
            if isinstance(read, Line) and read.position in wanted:
                self._places.setdefault(read.position, (read.stream, read.version))

    def _of(self, what: What, why: str, found: FoundEntry | FoundProof) -> None:
        self._defects.add(self._defect(what, why, found))

    def _defect(self, what: What, why: str, found: FoundEntry | FoundProof) -> Defect:
        place = (found.stream, found.version) if isinstance(found, FoundEntry) else self._places.get(found.position)
        return Defect(
            what=what,
            why=why,
            trial=self._trial,
            position=found.position,
            stream=None if place is None else shortened(place[0]),
            version=None if place is None else place[1],
            line=found.line,
        )

    def _add(
        self,
        what: What,
        why: str,
        *,
        position: int | None = None,
        stream: str | None = None,
        version: int | None = None,
        line: int | None = None,
    ) -> None:
        self._defects.add(
            Defect(what=what, why=why, trial=self._trial, position=position, stream=stream, version=version, line=line)
        )


def _listed(streams: Sequence[str]) -> str:
    """List the subjects of some streams for a sentence, up to a limit."""
    more = f" and {len(streams) - _MOST_LISTED} more" if len(streams) > _MOST_LISTED else ""
    return ", ".join(shortened(subject_of(one) or one) for one in streams[:_MOST_LISTED]) + more


def _most_led_to(pairing: Pairing, heads: Sequence[TreeHead]) -> TreeHead | None:
    """Return the tree to which most pairs lead; None where no pair leads to a tree."""
    head = max(heads, key=pairing.votes, default=None)
    return head if head is not None and pairing.votes(head) else None


def _agreed(own: Sequence[TreeHead], known: Sequence[TreeHead]) -> TreeHead | None:
    """Return the tree of the entries, if the bundle names it too; else the tree of the entries; else a named tree."""
    return next((head for head in own if head in known), None) or next(iter((*own, *known)), None)
