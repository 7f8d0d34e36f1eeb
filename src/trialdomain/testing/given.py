"""Given-when-then scenarios: given facts, when a decision is taken, then facts.

Every fact is encoded and decoded by the codec, so each scenario also tests the storage format.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

import attrs
from typing_extensions import override

from trialdomain.errors import TrialError
from trialdomain.events.entries import changes
from trialdomain.events.recorded import Fact, Meta, Recorded
from trialdomain.storage.codec import decode, encode
from trialdomain.values.given.in_short import in_short


class Folds(Protocol):
    """An object that folds recorded facts."""

    def apply(self, entry: Recorded[Any], /) -> None:
        """Fold one more entry."""


A = TypeVar("A", bound=Folds)
_META = Meta(recorded_at=datetime(2026, 1, 1, tzinfo=UTC), user="test", command="test", part=1, parts=1)


def given(aggregate: A, *facts: Fact) -> "Given[A]":
    """Fold facts, after a round trip through the codec, into an aggregate or another object with ``apply``.

    No rule is checked. So a past is accepted that no trial can have, such as two enrollments without a consent.

    Args:
        aggregate: the object that folds the facts: a new ``Participant``, ``Cohort`` or ``Trial``, or your own class.
        facts: the past facts, in their order.

    Raises:
        FactUnstorable, StateMalformed: a fact holds a value that its stored form cannot have.
    """
    __tracebackhide__ = True
    for version, fact in enumerate(facts, start=1):
        stored = _through_codec(fact)
        aggregate.apply(
            Recorded(trial="T", position=version, stream="T/test", version=version, meta=_META, fact=stored)
        )
    return Given(aggregate)


@attrs.frozen
class Given(Generic[A]):
    """An aggregate with its past."""

    aggregate: A

    def when(self, decide: Callable[[A], Sequence[Fact]]) -> "Taken":
        """Take a decision; if it raises, keep the exception for ``refused``."""
        __tracebackhide__ = True
        try:
            return Taken(list(decide(self.aggregate)), None)
        except Exception as error:  # noqa: BLE001 - ``then`` raises it again, and ``refused`` looks at it
            return Taken([], error)


@attrs.frozen
class Taken:
    """A decision that was taken: the facts that it returned, or the exception that it raised."""

    __repr__ = in_short

    facts: list[Fact]
    error: Exception | None

    def then(self, *expected: Fact) -> None:
        """Assert the facts of the decision, field by field; pass no fact to assert that nothing is recorded.

        Raises:
            AssertionError: the number, the kinds or the fields of the facts differ; the message lists all differences.
            TrialError: the decision was refused; the refusal is raised again.
        """
        __tracebackhide__ = True
        if isinstance(self.error, TrialError):  # without traceback: the place in the library does not help the reader
            raise self.error.with_traceback(None)
        if self.error is not None:
            raise self.error
        found = [_through_codec(fact) for fact in self.facts]
        kinds = [type(fact).__name__ for fact in found], [type(fact).__name__ for fact in expected]
        if kinds[0] != kinds[1]:
            raise AssertionError(
                f"expected the facts {', '.join(kinds[1]) or 'none'}, got {', '.join(kinds[0]) or 'none'}"
            )
        _fail_where(
            (f"fact {number}, {type(fact).__name__}.{change.field}", change.old, change.new)
            for number, (fact, wanted) in enumerate(zip(found, expected, strict=True), start=1)
            for change in changes(wanted, fact)
        )

    def refused(self, kind: type[Exception], **fields: object) -> None:
        """Assert that the decision was refused with an exception of a kind, and with the passed fields.

        Raises:
            AssertionError: the decision was accepted, or the kind or the fields of the exception differ.
        """
        __tracebackhide__ = True
        if self.error is None:
            raise AssertionError(f"expected {kind.__name__}, but it was accepted: {self.facts}")
        if not isinstance(self.error, kind):
            found = type(self.error).__name__
            raise AssertionError(f"expected {kind.__name__}, got {found}: {self.error}")  # noqa: TRY004 - a test fails so
        had = {name: getattr(self.error, name, _ABSENT) for name in fields}
        _fail_where(
            (f"{kind.__name__}.{name}", wanted, had[name]) for name, wanted in fields.items() if had[name] != wanted
        )


class _Absent:
    """A placeholder for a field that an error does not have."""

    @override
    def __repr__(self) -> str:
        return "no such field"


_ABSENT = _Absent()


def _fail_where(differences: Iterable[tuple[str, object, object]]) -> None:
    """Raise AssertionError with a line for each difference: its path, the expected value, and the actual value."""
    __tracebackhide__ = True
    lines = [f"{where}: expected {wanted!r}, got {found!r}" for where, wanted, found in differences]
    if lines:
        raise AssertionError("\n".join(lines))


def _through_codec(fact: Fact) -> Fact:
    __tracebackhide__ = True
    name, state = encode(fact, _META)
    return decode(name, state, strict=True)[0]
