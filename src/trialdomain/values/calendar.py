"""Calendar arithmetic, in one place."""

from calendar import monthrange
from datetime import date


def months_before(day: date, months: int) -> date:
    """Go back so many calendar months; a day that the month does not have becomes its last.

    >>> months_before(date(2026, 8, 31), 6)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
