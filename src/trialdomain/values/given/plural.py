"""Numbers with singular or plural words."""


def how_many(number: int, one: str, many: str | None = None) -> str:
    """Format a number with its noun: 1 with the singular, every other number with the plural.

    Args:
        number: the number.
        one: the singular, with the verb that follows, if any.
        many: the plural; by default the singular with an s.

    >>> how_many(1, "row"), how_many(0, "row"), how_many(12_000, "entry", "entries")
    ('1 row', '0 rows', '12000 entries')
    """
    return f"{number} {singular_or(number, one, many)}"


def singular_or(number: int, one: str, many: str | None = None) -> str:
    """Return only the words: the singular for 1, otherwise the plural.

    >>> singular_or(1, "follows", "follow"), singular_or(2, "follows", "follow")
    ('follows', 'follow')
    """
    if number == 1:
        return one
    return f"{one}s" if many is None else many


def n_entries(number: int) -> str:
    """Format a number of log entries.

    >>> n_entries(1), n_entries(2)
    ('1 entry', '2 entries')
    """
    return how_many(number, "entry", "entries")
