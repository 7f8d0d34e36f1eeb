"""The clock that recording times come from: the service's, checked each time that it is asked."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import check_year
from trialdomain.values.text import short

Clock: TypeAlias = Callable[[], datetime]


class ClockUnusable(InputInvalid):
    """The clock gives something from which no moment follows, such as a time without an offset."""

    code = "clock-unusable"

    def __init__(self, *, given: object) -> None:
        super().__init__(
            f"the clock gives {short(given)!r}, which has no offset and so is no moment: nothing was recorded; "
            f"give a clock such as lambda: datetime.now(UTC)"
        )
        self.given = given


def utc_now() -> datetime:
    """Tell the time of the machine."""
    return datetime.now(UTC)


def told(clock: Clock) -> datetime:
    """Ask a clock; give the moment in UTC, as it is recorded.

    Raises:
        ClockUnusable: it gives no time with an offset. A naive time is not taken for local time: where the process runs
            in another zone than whoever wrote the clock had in mind, entries would be hours, or a day, out.
        YearInvalid: the moment lies in a year that no trial has.
    """
    given: object = clock()
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ClockUnusable(given=given)
    try:
        moment = given.astimezone(UTC)
    except OverflowError:
        raise ClockUnusable(given=given) from None
    check_year(given, moment.year)
    return moment
