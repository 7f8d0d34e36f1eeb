"""Calendar arithmetic, in one place."""

from calendar import monthrange
from datetime import date, datetime

from trialdomain.errors import InputInvalid


def months_before(day: date, months: int) -> date:
    """Go back so many calendar months; a day that the month does not have becomes its last.

    >>> months_before(date(2026, 8, 31), 6)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


class DayInvalid(InputInvalid):
    """A calendar day is asked for, and something else was given."""

    def __init__(self, *, given: object) -> None:
        super().__init__(f"{str(given)[:40]!r} is no calendar day: give a date, or a text such as '2026-03-02'")
        self.given = given


def as_day(given: object) -> date:
    """Take a calendar day, as a date or as its text.

    Raises:
        DayInvalid: it is a time, or no day.
    """
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return date.fromisoformat(given if isinstance(given, str) else "")
    except ValueError:
        raise DayInvalid(given=given) from None
