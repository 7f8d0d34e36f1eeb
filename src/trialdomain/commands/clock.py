"""The clock that recording times come from: the service's, checked each time that it is asked."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import check_year
from trialdomain.values.given.plain import TimeUnusable, plain_moment
from trialdomain.values.given.text import short

Clock: TypeAlias = Callable[[], datetime]


class ClockUnusable(InputInvalid):
    """The clock gives something from which no moment follows, such as a time without an offset."""

    code = "clock-unusable"

    def __init__(self, *, given: object, why: str = "which has no offset and so is no moment") -> None:
        super().__init__(
            f"the clock gives {short(given)!r}, {why}: nothing was recorded; "
            f"give a clock such as lambda: datetime.now(UTC)"
        )
        self.given, self.why = given, why


def utc_now() -> datetime:
    """Tell the time of the machine."""
    return datetime.now(UTC)


def told(clock: Clock) -> datetime:
    """Ask a clock; give the moment in UTC, as it is recorded.

    Its zone is asked once, and what is given on is a plain time: a zone, or a class of somebody else's, cannot answer
    otherwise when the time is written.

    Raises:
        ClockUnusable: it gives no time with an offset. A naive time is not taken for local time: where the process runs
            in another zone than whoever wrote the clock had in mind, entries would be hours, or a day, out.
        YearInvalid: the moment lies in a year that no trial has.
    """
    given: object = clock()
    try:
        moment = plain_moment(given).astimezone(UTC)
    except TimeUnusable as error:
        raise ClockUnusable(given=given, why=error.why) from None
    check_year(given, moment.year)
    return moment
