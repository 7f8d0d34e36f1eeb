"""Enumerations: members compare and print as their text, and stay members inside the library."""

import inspect
import json
from enum import Enum, StrEnum
from importlib import import_module
from pkgutil import walk_packages

import pytest

import trialdomain
from trialdomain import Action, Decision, EventGroup, Relatedness, Signer
from trialdomain.commands.coercion import expect
from trialdomain.events.fields import plain_fields
from trialdomain.events.participant import Consented, WithdrawalScope, Withdrew
from trialdomain.storage.request import fingerprint
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plain import plain


def enumerations() -> list[type[Enum]]:
    """Find every enumeration of the package whose members hold texts, those for its own use included."""
    found: set[type[Enum]] = set()
    for module in walk_packages(trialdomain.__path__, "trialdomain."):
        kinds = [kind for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass)]
        found |= {kind for kind in kinds if issubclass(kind, Enum) and kind.__module__.startswith("trialdomain")}
    worded = [kind for kind in found if any(isinstance(one.value, str) for one in kind)]
    return sorted(worded, key=lambda kind: (kind.__module__, kind.__qualname__))


def test_there_are_enumerations_to_look_at() -> None:
    assert {Action, EventGroup, Relatedness, Signer} <= set(enumerations())


@pytest.mark.parametrize("kind", enumerations(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_member_is_its_word(kind: type[Enum]) -> None:
    assert issubclass(kind, StrEnum)
    for one in kind:
        assert str(one) == f"{one}" == one.value
        assert one == one.value
        assert json.loads(json.dumps(one)) == one.value


def test_an_action_prints_as_its_word(capsys: pytest.CaptureFixture[str]) -> None:
    print(Action.EXPAND)  # noqa: T201 - as a user does
    assert capsys.readouterr().out == "expand\n"
    action = Decision.expand(level=1).action
    assert action == "expand"
    assert action != "enroll"


def test_a_word_of_the_library_stays_a_member_where_texts_are_made_plain() -> None:
    assert plain(Relatedness.LIKELY) is Relatedness.LIKELY
    assert expect("a role", Signer.PARTICIPANT, Signer) is Signer.PARTICIPANT


def test_a_text_of_a_class_of_somebody_elses_is_made_plain() -> None:
    class Theirs(StrEnum):
        LIKELY = "likely"

    assert type(plain(Theirs.LIKELY)) is str


def test_what_is_written_down_is_text_alone() -> None:
    fact = Withdrew(on=ClinicalTime("2026-03-02"), scope=WithdrawalScope.TREATMENT)
    assert plain_fields(fact)["scope"] == "treatment"
    assert type(plain_fields(fact)["scope"]) is str


def test_a_member_and_a_text_are_different_requests() -> None:
    """The hash of a request names the kind of a word: as it did when words were no texts."""
    assert fingerprint(Relatedness.LIKELY) != fingerprint("likely")
    consented = Consented(
        signed_on=ClinicalTime("2026-03-02"), signer=Signer.PARTICIPANT, form_version="1", protocol_version="1"
    )
    assert fingerprint(consented) == fingerprint(consented)
