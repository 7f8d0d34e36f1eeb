"""What keeps people from enrolling or treating, in reports: one sentence and one JSON member for each."""

from collections.abc import Iterator, Sequence

from trialdomain.events.trial import TrialClosed
from trialdomain.projections.casebook import Halt
from trialdomain.reports.json import Json
from trialdomain.values.given.text import short

_MOST_OF_A_REASON = 400


def halts_lines(halts: Sequence[Halt]) -> Iterator[str]:
    """Describe each halt in one sentence, to stand before the next step."""
    for halt in halts:
        yield f"{_state(halt).capitalize()}: {' and '.join(_what(halt))}, {_since(halt)}"


def halts_words(halts: Sequence[Halt]) -> str:
    """Describe the halts as a clause: "; enrollment is suspended since ..."; empty without one."""
    said = [
        f"{' and '.join(what := _what(halt))} {'is' if len(what) == 1 else 'are'} {_state(halt)} {_since(halt)}"
        for halt in halts
    ]
    return "".join(f"; {one}" for one in said)


def halts_json(halts: Sequence[Halt]) -> list[Json]:
    """Return the halts as JSON: what is halted, whether for good, since when, why, and the entry that says so."""
    return [
        {
            "what": list(_what(halt)),
            "final": _is_final(halt),
            "since": halt.fact.on.text,
            "why": halt.fact.why.plain,
            "evidence": [halt.position],
        }
        for halt in halts
    ]


def _is_final(halt: Halt) -> bool:
    return isinstance(halt.fact, TrialClosed)


def _state(halt: Halt) -> str:
    return "closed" if _is_final(halt) else "suspended"


def _what(halt: Halt) -> tuple[str, ...]:
    infusion = not isinstance(halt.fact, TrialClosed) and halt.fact.infusion
    return ("enrollment", "infusion") if infusion else ("enrollment",)


def _since(halt: Halt) -> str:
    return f"since {halt.fact.on} ({short(halt.fact.why.plain, _MOST_OF_A_REASON)})"
