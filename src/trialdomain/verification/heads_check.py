"""Whether the newest entries are under the head that a writer signs with every append, and what is said where not.

Only a head that is believed tells which entries were appended without the key, and only of those that no believed
checkpoint covers either. A head that nobody who is trusted has signed says nothing about an entry.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from trialdomain.values.given.plural import how_many
from trialdomain.verification.defect import Defect, Defects, What
from trialdomain.verification.judged_notes import Compared, Tree


@attrs.frozen(kw_only=True)
class KeptHead:
    """What a database has of the signed heads of a trial, besides the notes themselves."""

    there: bool
    """Whether anything stands in the place of the head."""
    begun: bool | None
    """Whether the commands remember that heads were begun; None where they cannot be read."""
    newest: Callable[..., Iterable[tuple[int, str, int]]]
    """Gives position, stream and version of the entries ``after`` one."""


class HeadsCheck:
    """The heads of one trial.

    Args:
        check: its entries.
        kept: what its database has; None of an export, which has no heads.
        compared: the notes that it was held against, heads among them.
        keys_given: whether it is known who is trusted.
        defects: takes what is wrong.
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
        # Without keys, the head of a log that has begun them is taken for what it says; of another log, for nothing.
        begun = kept is not None and kept.begun is not False
        self._believed = [one for one in self._heads if (one.signed if keys_given else begun)]
        stood_by = (one for one in compared if one.signed or (one.outside and not keys_given))
        sizes = (one.size for one in stood_by if not one.head and one.fits is not False)
        self._covered = min(check.size, max(sizes, default=0))
        """How many entries a checkpoint covers that a given key has signed; or, without keys, one kept elsewhere."""

    def run(self, *, required: bool) -> Iterator[str]:
        """Add what is wrong with the heads, and yield what is to be noticed and may be right.

        Args:
            required: whether the newest entry must be under a head that is believed.
        """
        if self._believed:
            end = max(one.size for one in self._believed)
            if end < self._check.size:
                self._behind(end)
        elif required and self._check.size:
            self._none()
        elif self._kept is not None and self._kept.begun and not self._kept.there:
            self._add(_REMOVED)
        yield from self._notices(required=required)

    def _behind(self, end: int) -> None:
        """Say which entries a believed head does not cover."""
        if self._covered > end:
            why = (
                f"the signed head ends at position {end}, and positions {end + 1} to {self._covered} are under a "
                f"checkpoint alone: an older head was put back, or somebody has appended them who does not sign heads"
            )
            self._add(why)
        after = max(end, self._covered)
        if self._keys_given:
            why = (
                "the entry is under no signed head: it was appended without the writer's key, or the head was put back"
            )
            self._name(after, why)
        else:  # then the head itself may be anybody's
            why = (
                f"the signed head ends before this entry, the first of {self._check.size - after}: they were appended "
                f"without the writer's key, or another head was put there; verify with the writer's public key"
            )
            self._name(after, why, most=1)

    def _none(self) -> None:
        """Say that a head was asked for, and none is believed."""
        if self._kept is None:
            self._add(
                f"the {how_many(self._check.size, 'newest entry is', 'newest entries are')} under no signed "
                "head: an export has none"
            )
        elif self._kept.begun and not self._kept.there:
            self._add(_REMOVED)
        elif self._kept.there or self._kept.begun or self._covered == self._check.size:
            self._add("the newest entry is under no signed head that is believed, which was asked for")
        else:
            self._name(self._covered, "the entry is under no signed head: the log has none")

    def _notices(self, *, required: bool) -> Iterator[str]:
        """Yield what is to be said of heads that are right for all that is known, and not believed."""
        for one in self._heads:
            if one in self._believed or one.fits is False:
                continue
            if self._kept is not None and self._kept.begun is False:
                yield (
                    f"{one.where} was put there by other means: the log does not remember that its heads were begun; "
                    f"it is not believed, and hinders no writer"
                )
            elif not required and one.fits is not None:
                yield (
                    f"{one.where} is signed by no key that was given, and is not believed: name the writer's public "
                    f"key to have it checked"
                )

    def _name(self, after: int, why: str, *, most: int | None = None) -> None:
        """Name the entries after one, up to as many as are named."""
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
    "the commands remember that heads were begun, and no signed head is kept: it was removed, or that row of the "
    "commands was added"
)
