"""Free text: what people write in their own words, and how it is kept."""

import re

import attrs

_MOST_CHARACTERS = 10_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def plain_text(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    """Accept text that is not blank and has no control character but newline and tab.

    Raises:
        ValueError: anything else.
    """
    if not value.strip() or len(value) > _MOST_CHARACTERS:
        raise ValueError(f"{attribute.name} must be a text of 1 to {_MOST_CHARACTERS} characters, and not blank")
    if _CONTROL.search(value):
        raise ValueError(f"{attribute.name} must have no control character but newline and tab")


@attrs.frozen(kw_only=True)
class FreeText:
    """A text in somebody's own words: plain, or sealed so that it can be taken out of sight later.

    Sealing is not offered yet; the place for it is in the stored format from the first version on.
    """

    plain: str | None = attrs.field(default=None, validator=attrs.validators.optional(plain_text))
    sealed: str | None = attrs.field(default=None, validator=attrs.validators.optional(plain_text))

    def __attrs_post_init__(self) -> None:
        """Refuse a text that is both, or neither."""
        if (self.plain is None) == (self.sealed is None):
            raise ValueError("a free text is either plain or sealed")

    @classmethod
    def of(cls, text: "str | FreeText") -> "FreeText":
        """Take plain words as they are."""
        return text if isinstance(text, FreeText) else cls(plain=text)
