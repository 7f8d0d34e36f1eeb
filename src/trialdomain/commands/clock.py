"""The clock of the embedding service, the source of recording times. Every reading is checked."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import check_year
from trialdomain.values.given.plain import TimeUnusable, plain_moment
from trialdomain.values.given.text import short

Clock: TypeAlias = Callable[[], datetime]


class ClockUnusable(InputInvalid):
    """The clock returned a value that is not a moment, such as a time without an offset."""

    code = "clock-unusable"

    def __init__(self, *, given: object, why: str = "which has no offset, so it is not a moment") -> None:
        super().__init__(
            f"the clock returned {short(given)!r}, {why}: nothing was recorded; "
            f"pass a clock such as lambda: datetime.now(UTC)"
        )
        self.given, self.why = given, why


def utc_now() -> datetime:
    """Return the time of the machine's clock."""
    return datetime.now(UTC)


def read_clock(clock: Clock) -> datetime:
    """Read a clock, and return the moment in UTC, as it is recorded.

    The zone is asked once, and the result is a plain ``datetime``. So a zone or a ``datetime`` subclass of another
    library cannot give another answer when the time is written.

    Raises:
        ClockUnusable: the clock returned no time with an offset. A naive time is not taken for local time: if the
            process ran in another zone than the clock's author expected, entries would be hours, or a day, wrong.
        YearInvalid: the moment lies in a year that no trial has.
    """
    given: object = clock()
    try:
        moment = plain_moment(given).astimezone(UTC)
    except TimeUnusable as error:
        raise ClockUnusable(given=given, why=error.why) from None
    check_year(given, moment.year)
    return moment
