"""A table as data: what stands in it, not how it is drawn."""

import attrs


@attrs.frozen(kw_only=True)
class Table:
    """A heading, columns, and rows of text of the same length."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
