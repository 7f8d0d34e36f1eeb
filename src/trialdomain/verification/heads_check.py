"""Checking that the head, which a writer signs with every append, covers the newest entries.

Only an accepted head shows which entries were appended without the key, and only for entries that no accepted
checkpoint covers. A head that no trusted key has signed shows nothing about an entry.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from trialdomain.values.given.plural import how_many
from trialdomain.verification.defect import Defect, Defects, What
from trialdomain.verification.judged_notes import Compared, Tree


@attrs.frozen(kw_only=True)
class KeptHead:
    """The state of the signed heads of a trial in a database, without the notes themselves."""

    there: bool
    """Whether the table of heads has a row of the trial."""
    begun: bool | None
    """Whether the table of commands records that the heads are signed; None where it cannot be read."""
    newest: Callable[..., Iterable[tuple[int, str, int]]]
    """Returns position, stream and version of the entries ``after`` a position."""


class HeadsCheck:
    """Checks the heads of one trial.

    Args:
        check: the checked entries.
        kept: the state of the heads in its database; None for an export, which has no heads.
        compared: the notes that were compared with the entries, including heads.
        keys_given: whether the caller named trusted keys.
        defects: collects the defects.
    """

    def __init__(
        self,
        check: Tree,
        kept: KeptHead | None,
        compared: Sequence[Compared],
        defects: Defects,
        *,
        keys_given: bool,
    ) -> None:
        self._check, self._kept, self._defects, self._keys_given = check, kept, defects, keys_given
        self._heads = [one for one in compared if one.head]
        # Without keys, accept the head of a log whose commands record signed heads, and ignore that of any other log.
        begun = kept is not None and kept.begun is not False
        self._accepted = [one for one in self._heads if (one.signed if keys_given else begun)]
        stood_by = (one for one in compared if one.signed or (one.outside and not keys_given))
        sizes = (one.size for one in stood_by if not one.head and one.fits is not False)
        self._covered = min(check.size, max(sizes, default=0))
        """The number of entries under a checkpoint of a trusted key; without keys, under one kept elsewhere."""

    def run(self, *, required: bool) -> Iterator[str]:
        """Add the defects of the heads, and yield notices: facts about heads that are no defects.

        Args:
            required: whether an accepted head must cover the newest entry.
        """
        if self._accepted:
            end = max(one.size for one in self._accepted)
            if end < self._check.size:
                self._behind(end)
        elif required and self._check.size:
            self._none()
        elif self._kept is not None and self._kept.begun and not self._kept.there:
            self._add(_REMOVED)
        yield from self._notices(required=required)

    def _behind(self, end: int) -> None:
        """Name the entries that an accepted head does not cover."""
        if self._covered > end:
            why = (
                f"the signed head ends at position {end}, and only a checkpoint covers positions {end + 1} to "
                f"{self._covered}: an older head was put back, or a writer that does not sign heads has appended them"
            )
            self._add(why)
        after = max(end, self._covered)
        if self._keys_given:
            why = (
                "no signed head covers the entry: it was appended without the writer's key, or an older head was put "
                "back"
            )
            self._name(after, why)
        else:  # without keys, the head itself may be forged
            why = (
                f"the signed head ends before this entry, the first of {self._check.size - after}: they were appended "
                f"without the writer's key, or the head was replaced; verify with the writer's public key"
            )
            self._name(after, why, most=1)

    def _none(self) -> None:
        """Add a defect for a required head, where none is accepted."""
        if self._kept is None:
            self._add(
                f"no signed head covers the {how_many(self._check.size, 'newest entry', 'newest entries')}: an export "
                "has no heads"
            )
        elif self._kept.begun and not self._kept.there:
            self._add(_REMOVED)
        elif self._kept.there or self._kept.begun or self._covered == self._check.size:
            self._add("a trusted head must cover the newest entry, and none does: name the writer's public key")
        else:
            self._name(self._covered, "no signed head covers the entry: the log has none")

    def _notices(self, *, required: bool) -> Iterator[str]:
        """Yield a notice for each head that fits the entries, but is not accepted."""
        for one in self._heads:
            if one in self._accepted or one.fits is False:
                continue
            if self._kept is not None and self._kept.begun is False:
                yield (
                    f"{one.where} was not stored by this software: the log does not record that its heads are signed; "
                    f"it was ignored, and a writer will ignore it too"
                )
            elif not required and one.fits is not None:
                yield (
                    f"{one.where} is not signed by a trusted key, and was not checked: name the writer's public key to "
                    f"have it checked"
                )

    def _name(self, after: int, why: str, *, most: int | None = None) -> None:
        """Add a defect for each entry after a position, up to the number of listed defects."""
        if self._kept is None or after >= self._check.size:
            return
        named = 0
        for position, stream, version in self._kept.newest(after=after):
            self._add(why, position=position, stream=stream, version=version)
            named += 1
            if named == most:
                return
        self._defects.add_unnamed(self._check.size - after - named)

    def _add(self, why: str, **where: object) -> None:
        self._defects.add(Defect(what=What.UNSIGNED, why=why, trial=self._check.trial, **where))  # type: ignore[arg-type]  # as named


_REMOVED = (
    "the table of commands records that the heads are signed, but the log has no head: it was removed, or that row of "
    "the commands was added"
)
