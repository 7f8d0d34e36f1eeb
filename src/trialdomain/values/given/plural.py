"""How many there are of something, in words."""


def how_many(number: int, one: str, many: str | None = None) -> str:
    """Say a number of things: one of them in the singular, every other number in the plural.

    Args:
        number: how many there are.
        one: the words for one of them, with the verb that follows, if any.
        many: the words for several; by default those for one, with an s.

    >>> how_many(1, "row"), how_many(0, "row"), how_many(12_000, "entry", "entries")
    ('1 row', '0 rows', '12000 entries')
    """
    return f"{number} {singular_or(number, one, many)}"


def singular_or(number: int, one: str, many: str | None = None) -> str:
    """Return the words alone, for one or for several.

    >>> singular_or(1, "follows", "follow"), singular_or(2, "follows", "follow")
    ('follows', 'follow')
    """
    if number == 1:
        return one
    return f"{one}s" if many is None else many


def n_entries(number: int) -> str:
    """Say a number of entries of a log.

    >>> n_entries(1), n_entries(2)
    ('1 entry', '2 entries')
    """
    return how_many(number, "entry", "entries")
