"""The work of telling a story grows with its lines, and not with what was told before."""

from pathlib import Path

import pytest

from trialdomain.storage import mapper
from trialdomain.stories.checking import check_story


def test_each_entry_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    plain = mapper._READERS["participant"]["participant.lab-recorded.v1"]  # noqa: SLF001 - counts what is decoded

    def counted(name: str, state: bytes, *, strict: bool) -> object:
        decoded.append(state)
        return plain(name, state, strict=strict)

    monkeypatch.setitem(mapper._READERS["participant"], "participant.lab-recorded.v1", counted)  # noqa: SLF001 - as above
    labs = "".join(f"            S001 lab ANC {number} 10*9/L at 08:00\n" for number in range(1, 21))
    fevers = "".join(f'            S001 event E{number} "Fever" grade 1\n' for number in range(1, 11))
    outcome = check_story(f"protocol NCT06245746\n2026-03-02  S001 infused\n{labs}{fevers}", folder=Path())
    assert outcome.passed
    assert len(decoded) == len(set(decoded)) > 0
