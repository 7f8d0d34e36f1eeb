"""How a value with many parts shows itself to a person at a prompt, in a log line or in a failed test: on one screen.

This is the one place that decides it. A class takes it by ``__repr__ = in_short`` in its body.
"""

from collections.abc import Collection, Mapping

import attrs

MOST = 1_500
"""Characters: less than 20 lines of 80 columns."""
_SHOWN = 5
"""A collection with more members than this is told by their number."""
_WORDS = 60
"""Characters of a text, or of anything else, that does not fit."""


def in_short(self: object) -> str:
    """Show the fields of an attrs value: the short ones whole, and as many of the others as fit on a screen.

    What does not fit is told by its class, or by its number: ``<TrialProtocol>``, ``<12 of Member>``. Fields for the
    class's own use are left out.
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
    """Return all of a value; None for a collection of many, which would take long to write and not fit."""
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
