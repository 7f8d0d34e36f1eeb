"""A short ``repr`` for values with many fields, so that it fits on one screen: at a prompt, in a log or in a test.

A class uses it by ``__repr__ = in_short`` in its body.
"""

from collections.abc import Collection, Mapping

import attrs

MOST = 1_500
"""The most characters of a repr: less than 20 lines of 80 columns."""
_SHOWN = 5
"""A collection with more members is shown as their number."""
_WORDS = 60
"""The most characters of a value that does not fit completely."""


def in_short(self: object) -> str:
    """Format the fields of an attrs value: short fields completely, and as many of the others as fit on a screen.

    Other fields are shown as their class or number of members: ``<TrialProtocol>``, ``<12 of Member>``. Private fields
    are left out.
    """
    fields = [one for one in attrs.fields(type(self)) if one.repr and not one.name.startswith("_")]  # type: ignore[arg-type]  # of attrs classes alone
    shown = {one.name: _briefly(getattr(self, one.name)) for one in fields}
    whole = {one.name: _whole(getattr(self, one.name), one) for one in fields}
    length = len(_joined(self, shown))
    for name, text in sorted(whole.items(), key=lambda one: len(one[1] or "")):
        if text is not None and length + len(text) - len(shown[name]) <= MOST:
            length += len(text) - len(shown[name])
            shown[name] = text
    return _joined(self, shown)


def _joined(value: object, shown: Mapping[str, str]) -> str:
    return f"{type(value).__name__}({', '.join(f'{name}={text}' for name, text in shown.items())})"


def _whole(value: object, field: "attrs.Attribute[object]") -> str | None:
    """Return the complete repr of a value; None for a large collection, whose repr would be slow and not fit."""
    if callable(field.repr):
        return str(field.repr(value))
    many = isinstance(value, Collection) and not isinstance(value, str | bytes) and len(value) > _SHOWN
    return None if many else repr(value)


def _briefly(value: object) -> str:
    if attrs.has(type(value)):
        return f"<{type(value).__name__}>"
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        text = repr(value)
        return text if len(text) <= _WORDS else f"{text[:_WORDS]}..."
    if not value:
        return repr(value)
    first = next(iter(value.values())) if isinstance(value, Mapping) else next(iter(value))
    return f"<{len(value)} of {type(first).__name__}>"
