"""Errors are data: each has a code of its own and its fields, and arrives elsewhere as what it was."""

import ast
import copy
import inspect
import multiprocessing
import pickle
import re
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
from crossing import refuse
from error_examples import RETIRED, error_classes, examples_of, parameters_of
from typing_extensions import override

from trialdomain import CommandRefused, Conflict, InputInvalid, LogUnusable, TrialError
from trialdomain.aggregates.cohort import NoFreeSlot
from trialdomain.aggregates.participant import SubjectUnknown
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.storage.errors import AppendRefused, CommandRestored
from trialdomain.values.calendar import DayInvalid, YearInvalid

E = TypeVar("E", bound=BaseException)
ALL = error_classes()
OURS = [kind for kind in ALL if issubclass(kind, TrialError)]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
AT_LEAST = 99
"""Classes of errors when this test was written: a walk that finds fewer has not looked."""


def named(kind: type[BaseException]) -> str:
    return kind.__name__


def ways_back(error: E) -> Iterator[E]:
    for protocol in PROTOCOLS:
        yield pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own, of this moment
        yield pickle.loads(pickle._dumps(error, protocol))  # type: ignore[attr-defined] # noqa: S301, SLF001 - the pickler that is written in Python
    yield copy.copy(error)
    yield copy.deepcopy(error)


def assert_the_same(back: BaseException, error: BaseException) -> None:
    assert back is not error
    assert type(back) is type(error)
    assert (str(back), repr(back), back.args) == (str(error), repr(error), error.args)
    assert vars(back) == vars(error)
    if isinstance(error, TrialError):
        assert isinstance(back, TrialError)
        assert (back.code, back.fields) == (error.code, error.fields)


class TestCodes:
    def test_the_walk_finds_every_class(self) -> None:
        assert len(OURS) >= AT_LEAST - 2

    @pytest.mark.parametrize("kind", OURS, ids=named)
    def test_a_class_says_its_code_as_a_literal_in_its_body(self, kind: type[TrialError]) -> None:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(body, ast.ClassDef)
        targets: list[tuple[ast.expr, ast.expr | None]] = []
        for line in body.body:
            if isinstance(line, ast.Assign):
                targets += [(line.targets[0], line.value)]
            elif isinstance(line, ast.AnnAssign):
                targets += [(line.target, line.value)]
        said = [value for target, value in targets if isinstance(target, ast.Name) and target.id == "code"]
        assert [ast.literal_eval(value) for value in said if value is not None] == [kind.code]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.code)

    def test_no_two_classes_have_the_same(self) -> None:
        assert [code for code, times in Counter(kind.code for kind in OURS).items() if times > 1] == []

    def test_those_that_there_were_are_there_still(self) -> None:
        """A code is what programs know an error by: lines may be added to the file, and none ever changes."""
        known = (Path(__file__).parent / "error_codes.txt").read_text().split()
        assert len(known) == len(set(known)) >= AT_LEAST
        assert set(known) - {kind.code for kind in OURS} == RETIRED

    def test_every_public_class_of_an_error_is_a_trial_error(self) -> None:
        apart = [kind.__name__ for kind in ALL if not issubclass(kind, TrialError)]
        assert sorted(apart) == [
            "HelperLost",
            "InvariantBroken",
            "Malformed",
            "NotRecorded",
            "PastImpossible",
            "SourceBroken",
            "TablesDiffer",
            "_Broken",
            "_ConnectionLost",
            "_LimitReached",
            "_StoryFailed",
            "_Undone",
        ]  # the first, PastImpossible and TablesDiffer fail a test; the others never leave their module

    def test_a_class_of_the_package_without_one_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"Forgetful has no code of its own: write one"):
            type("Forgetful", (CommandRefused,), {"__module__": "trialdomain.desk"})

    def test_a_class_of_somebody_else_without_one_has_the_code_of_what_it_is_derived_from(self) -> None:
        assert Plain.code == "no-free-slot"
        assert OfMyOwn.code == "my-own"


class TestFields:
    @pytest.mark.parametrize("kind", OURS, ids=named)
    def test_they_are_what_the_constructor_was_given(self, kind: type[TrialError]) -> None:
        for error, given in examples_of(kind):
            assert isinstance(error, TrialError)
            assert error.fields == given

    @pytest.mark.parametrize("kind", OURS, ids=named)
    def test_each_is_an_attribute(self, kind: type[TrialError]) -> None:
        for error, given in examples_of(kind):
            assert {name: getattr(error, name) for name in given} == given

    def test_a_sentence_alone_is_no_field(self) -> None:
        assert InputInvalid("say what").fields == {}
        assert parameters_of(InputInvalid) is None

    def test_a_default_is_one(self) -> None:
        assert OfMyOwn("x").fields == {"what": "x", "times": 2}

    def test_an_iterator_is_what_was_in_it(self) -> None:
        error = ProtocolInvalid(fault for fault in ("one", "two"))
        for back in ways_back(error):
            assert back.fields == {"faults": ("one", "two")}
            assert_the_same(back, error)
        assert error.fields == {"faults": ("one", "two")}

    def test_what_is_derived_is_asked_for_its_own(self) -> None:
        error = CommandRestored(command="c1", first=3, last=5)
        assert error.fields == {"command": "c1", "first": 3, "last": 5}

    def test_names_that_are_passed_on_are_told(self) -> None:
        assert PassesOn(level=1, slots=3).fields == {"level": 1, "slots": 3}

    def test_a_reader_cannot_change_them(self) -> None:
        error = NoFreeSlot(level=1, slots=3)
        dict.clear(error.fields)  # type: ignore[arg-type] # a reader who does not heed that it is a mapping
        assert error.fields == {"level": 1, "slots": 3}


class TestCrossing:
    @pytest.mark.parametrize("kind", ALL, ids=named)
    def test_it_comes_back_as_it_was(self, kind: type[BaseException]) -> None:
        for error, _ in examples_of(kind):
            for back in ways_back(error):
                assert_the_same(back, error)

    def test_every_class_crosses_a_pool_of_processes(self) -> None:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            sent = [
                (error, pool.submit(refuse, kind.__module__, kind.__name__, number))
                for kind in ALL
                for number, (error, _) in enumerate(examples_of(kind))
            ]
            for error, future in sent:
                back = future.exception()
                assert back is not None
                back.__notes__ = []
                del back.__notes__
                assert_the_same(back, error)

    def test_it_is_raised_out_of_a_pool_that_goes_on(self) -> None:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            for _ in range(2):
                with pytest.raises(SubjectUnknown) as refused:
                    pool.apply(refuse, (SubjectUnknown.__module__, "SubjectUnknown", 0))
                assert_the_same(refused.value, examples_of(SubjectUnknown)[0][0])

    def test_its_notes_come_along_and_its_cause_stays(self) -> None:
        error = NoFreeSlot(level=1, slots=3)
        error.add_note("while the morning's list was recorded")
        error.__cause__ = KeyError("level")
        for back in ways_back(error):
            assert_the_same(back, error)
            assert back.__notes__ == ["while the morning's list was recorded"]
            assert back.__cause__ is None

    def test_what_was_set_later_comes_along(self) -> None:
        error = NoFreeSlot(level=1, slots=3)
        error.slots = 4
        error.args = ("another sentence",)
        for back in ways_back(error):
            assert_the_same(back, error)
            assert (str(back), back.slots, back.fields["slots"]) == ("another sentence", 4, 4)

    def test_no_constructor_runs_on_the_way_back(self) -> None:
        error = Counting()
        Counting.made = 0
        for back in ways_back(error):
            assert_the_same(back, error)
        assert Counting.made == 0

    def test_a_value_that_cannot_be_pickled_arrives_as_a_text(self) -> None:
        error = DayInvalid(given=threading.Lock())
        back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, of this moment
        assert (type(back), str(back)) == (DayInvalid, str(error))
        assert back.given == back.fields["given"] == "<lock that cannot be pickled>"
        assert copy.deepcopy(error).given is copy.copy(error).given is error.given
        assert back.args == error.args

    def test_an_error_in_an_error_comes_along(self) -> None:
        error = Holds(inner=NoFreeSlot(level=2, slots=6), more=[YearInvalid(given=1800)])
        for back in ways_back(error):
            assert_the_same(back.inner, error.inner) if back.inner is not error.inner else None
            assert (str(back.more[0]), back.more[0].fields) == (str(error.more[0]), {"given": 1800})

    def test_an_error_that_holds_itself_comes_along(self) -> None:
        error = Holds(inner=NoFreeSlot(level=2, slots=6), more=[])
        error.more.append(error)
        for back in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):  # noqa: S301 - our own, of this moment
            assert back is not error
            assert back.more == [back]

    def test_a_deep_copy_shares_nothing_that_changes(self) -> None:
        error = Holds(inner=NoFreeSlot(level=2, slots=6), more=[])
        back = copy.deepcopy(error)
        error.more.append(YearInvalid(given=1800))
        assert back.more == back.fields["more"] == []


class Plain(NoFreeSlot):
    """A subclass as a user writes it, with nothing of its own."""


class PassesOn(NoFreeSlot):
    def __init__(self, **kwargs: int) -> None:
        super().__init__(**kwargs)


class OfMyOwn(CommandRefused):
    code = "my-own"

    def __init__(self, what: str, times: int = 2, /) -> None:
        super().__init__(f"{what} {times}")


class NeverCalls(InputInvalid):
    """A class as careless code has it: it leaves out the constructor above its own."""

    def __init__(self, what: str, *, size: int) -> None:
        self.what, self.size = what, size


class OfTwo(CommandRefused, KeyError):
    def __init__(self, *, key: str) -> None:
        super().__init__(key)
        self.key = key


class OfAFile(InputInvalid, FileNotFoundError):
    pass


class InSlots(Conflict):
    __slots__ = ("__mine", "size")

    def __init__(self, *, size: int) -> None:
        super().__init__(f"size {size}")
        self.size = size
        self.__mine = -size

    def mine(self) -> int:
        return self.__mine


class OwnText(LogUnusable):
    def __init__(self, *, size: int) -> None:
        super().__init__()
        self.size = size

    @override
    def __str__(self) -> str:
        return f"size {self.size}"


class Counting(TrialError):
    made = 0

    def __init__(self) -> None:
        Counting.made += 1
        super().__init__(f"number {Counting.made}")


class Holds(TrialError):
    def __init__(self, *, inner: TrialError, more: list[TrialError]) -> None:
        super().__init__("two")
        self.inner, self.more = inner, more


@attrs.frozen(kw_only=True)
class OfAttrs(CommandRefused):
    level: int
    subjects: tuple[str, ...] = ()


@attrs.define(slots=False)
class OfOpenAttrs(CommandRefused):
    level: int


MADE_BY_OTHERS: list[tuple[TrialError, dict[str, object]]] = [
    (Plain(level=1, slots=3), {"level": 1, "slots": 3}),
    (PassesOn(level=1, slots=3), {"level": 1, "slots": 3}),
    (OfMyOwn("x", 3), {"what": "x", "times": 3}),
    (NeverCalls("x", size=3), {"what": "x", "size": 3}),
    (OfTwo(key="k"), {"key": "k"}),
    (OfAFile(2, "No such file", "a.db"), {}),
    (InSlots(size=3), {"size": 3}),
    (OwnText(size=3), {"size": 3}),
    (OfAttrs(level=3, subjects=("S1",)), {"level": 3, "subjects": ("S1",)}),
    (OfOpenAttrs(3), {"level": 3}),
    (AppendRefused("a gap"), {}),
]


@pytest.mark.parametrize(("error", "given"), MADE_BY_OTHERS, ids=[type(error).__name__ for error, _ in MADE_BY_OTHERS])
def test_whatever_way_a_subclass_is_written_it_comes_back(error: TrialError, given: dict[str, object]) -> None:
    assert error.fields == given
    error.add_note("noted")
    for back in ways_back(error):
        assert_the_same(back, error)
        assert back.fields == given
        if isinstance(back, InSlots):
            assert (back.size, back.mine()) == (3, -3)
        if isinstance(back, OfAFile):
            assert (back.errno, back.filename) == (2, "a.db")
