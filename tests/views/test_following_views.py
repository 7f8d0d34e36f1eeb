"""Followers of views: killed, several at once, over entries that a view cannot take, and beside a rebuild."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from itertools import islice
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import monotonic, sleep

import attrs
import many_writers
import pytest
from following_views import follower
from many_writers import TRIALS
from other_programs import consent
from postgres_server import Server, connected
from repeating import times
from site_desk import INVESTIGATOR, OPEN
from typing_extensions import override
from view_rows import all_rows, made_anew, rows_in

from trialdomain import InputInvalid, Trials, backup, restore, verify
from trialdomain.storage.errors import StoreClosed
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres.view_tables import PostgresViewTables
from trialdomain.storage.sqlite.view_tables import SQLiteViewTables
from trialdomain.storage.view_tables import Column, Kind, Table, ViewsUnusable
from trialdomain.views import KnownParticipant, KnownTrial, Row, TableView, Views
from trialdomain.views.views import State


@pytest.fixture
def trials(log: str) -> Iterator[Trials]:
    with Trials.open(log) as trials:
        for trial in ("B", "A"):
            desk = trials.register(attrs.evolve(OPEN, trial=trial), by=INVESTIGATOR).acting(INVESTIGATOR)
            consent(desk, "S001")
        yield trials


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    last = monotonic() + seconds
    while not condition():
        assert monotonic() < last, "it did not come"
        sleep(0.02)


class TestOfEveryTrial:
    def test_a_trial_that_is_registered_later_is_taken_up(self, trials: Trials, log: str) -> None:
        views = trials.views()
        views.rebuild()
        desk = trials.register(attrs.evolve(OPEN, trial="C"), by=INVESTIGATOR).acting(INVESTIGATOR)
        consent(desk, "S009")
        assert views.catch_up() == 5
        assert [(row["trial"], row["participant"]) for row in rows_in(log, "participant")] == [
            ("A", "S001"),
            ("B", "S001"),
            ("C", "S009"),
        ]
        assert views.catch_up() == 0

    def test_what_was_never_built_is_built(self, trials: Trials, log: str) -> None:
        views = trials.views()
        assert {one.state for one in views.status()} == {State.NOT_BUILT}
        views.catch_up()
        assert {one.state for one in views.status()} == {State.CURRENT}
        assert len(rows_in(log, "participant")) == 2

    def test_about_says_how_far_each_has_come(self, trials: Trials, log: str) -> None:
        views = trials.views()
        views.rebuild()
        consent(trials.trial("A").acting(INVESTIGATOR), "S002")
        behind = {one.trial: (one.state, one.position, one.lag) for one in views.status() if one.view == "deviation"}
        assert behind == {"A": (State.BEHIND, 5, 1), "B": (State.CURRENT, 5, 0)}
        views.catch_up()
        rows = rows_in(log, "about")
        assert len(rows) == 2 * 10
        assert {(row["trial"], row["position"], row["head"], row["lag"]) for row in rows} == {
            ("A", 6, 6, 0),
            ("B", 5, 5, 0),
        }
        assert all(row["looked_at"] for row in rows)

    def test_about_is_made_again_where_it_was_dropped(self, trials: Trials, log: str) -> None:
        """As where the tables of a log in PostgreSQL are dropped with CASCADE: about reads one of them."""
        trials.views().rebuild()
        before = rows_in(log, "about")
        if log.startswith("postgresql"):
            with connected(log) as connection:
                ((schema,),) = connection.execute("SELECT current_schema() || '_views'")
                connection.execute(f"DROP VIEW {schema}.about".encode())
        else:
            with closing(sqlite3.connect(log.replace("log.db", "log-views.db"))) as file:
                file.execute("DROP VIEW about")
        trials.views().rebuild()
        positions = [(row["view"], row["trial"], row["position"]) for row in rows_in(log, "about")]
        assert sorted(positions) == sorted((row["view"], row["trial"], row["position"]) for row in before)


class TestAnotherFollowerIsFaster:
    """Between two of this one's reads another process records, and a third one brings the views up to date."""

    @pytest.fixture
    def overtaken(self, trials: Trials, log: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Views]:
        """Views of a log whose ends are told late: when they are known, somebody has recorded and followed."""
        with closing(open_store(log, readonly=True)) as store:
            heads, subjects = store.heads, iter(["S002", "S003"])

            def told_late() -> Mapping[str, int]:
                found = heads()
                for subject in islice(subjects, 1):
                    consent(trials.trial("A").acting(INVESTIGATOR), subject)
                    trials.views().catch_up()
                return found

            trials.views().rebuild()
            monkeypatch.setattr(store, "heads", told_late)
            yield Views(store)

    def participants(self, log: str) -> list[object]:
        return sorted(row["participant"] for row in rows_in(log, "participant") if row["trial"] == "A")

    def test_it_goes_on(self, overtaken: Views, log: str) -> None:
        for _ in range(3):
            overtaken.catch_up()
        assert self.participants(log) == ["S001", "S002", "S003"]

    def test_the_status_takes_the_views_for_those_of_the_log(self, overtaken: Views) -> None:
        assert {one.state for one in overtaken.status()} == {State.CURRENT}

    def test_a_rebuild_takes_no_row_back(self, overtaken: Views, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new generation takes the place of one that has come further only if that is of another log."""
        tables = PostgresViewTables if log.startswith("postgresql") else SQLiteViewTables
        swap, anyway = tables.swap, list[bool]()

        def noted(self: SQLiteViewTables | PostgresViewTables, table: Table, generation: int, **how: bool) -> bool:
            anyway.append(how["anyway"])
            return bool(swap(self, table, generation, **how))  # type: ignore[arg-type]  # its own class

        monkeypatch.setattr(tables, "swap", noted)
        overtaken.rebuild("participant")
        assert anyway
        assert not any(anyway)
        assert self.participants(log) == ["S001", "S002", "S003"]


@pytest.mark.soak
@pytest.mark.processes
def test_a_killed_follower_takes_every_entry_once(log: str) -> None:
    """Followers are killed while others record; at the end, every view has exactly the rows of a replay."""
    many_writers.begin(log)
    rounds, chance = times(100, least=4), Random(log)  # noqa: S311 - no secret
    writer = many_writers.writer(log, "w", rounds * 0.5)
    kills = 0
    while writer.poll() is None or kills < rounds:
        with follower(log):
            sleep(chance.uniform(0.2, 0.9))
        kills += 1
    assert writer.wait() == 0
    with Trials.open(log) as trials:
        views = trials.views()
        views.catch_up()
        assert {one.state for one in views.status()} == {State.CURRENT}
    rows = all_rows(log)
    for trial in TRIALS:
        found = {view: [row for row in some if row["trial"] == trial] for view, some in rows.items()}
        assert found == made_anew(log, trial)
        assert len({row["participant"] for row in found["participant"]}) == len(found["participant"]) > 0


@pytest.mark.processes
def test_several_followers_and_a_rebuild_at_once(log: str) -> None:
    many_writers.begin(log)
    seconds = max(2.0, times(30))
    writers = [many_writers.writer(log, name, seconds) for name in ("v", "w")]
    with follower(log) as one, follower(log) as other, closing(open_store(log, readonly=True)) as store:
        views, rebuilt = Views(store), 0
        while any(writer.poll() is None for writer in writers):
            views.rebuild()
            rebuilt += 1
        until(lambda: {one.state for one in views.status()} == {State.CURRENT})
        assert (one.poll(), other.poll()) == (None, None)
    assert rebuilt > 1
    rows = all_rows(log)
    for trial in TRIALS:
        assert {view: [row for row in some if row["trial"] == trial] for view, some in rows.items()} == made_anew(
            log, trial
        )


def picky(refused: set[str], name: str = "picky") -> TableView:
    """Make a view that cannot take the participants of a set."""

    def rows(participant: KnownParticipant) -> Iterator[Row]:
        if participant.subject in refused:
            raise KeyError(participant.subject)
        yield {"participant": participant.subject, "entries": len(participant.recorded)}

    columns = (Column("participant", Kind.TEXT, "Who."), Column("entries", Kind.INTEGER, "How many."))
    return TableView(name=name, comment="One row is one participant.", columns=columns, of_participant=rows)


class TestAViewOfYourOwn:
    def test_it_is_kept_like_the_others(self, trials: Trials, log: str) -> None:
        views = trials.views(picky(set()))
        views.rebuild()
        consent(trials.trial("A").acting(INVESTIGATOR), "S002")
        views.catch_up()
        assert rows_in(log, "picky") == [
            {"trial": "A", "participant": "S001", "entries": 1},
            {"trial": "A", "participant": "S002", "entries": 1},
            {"trial": "B", "participant": "S001", "entries": 1},
        ]

    def test_rows_of_the_trial(self, trials: Trials, log: str) -> None:
        def rows(trial: KnownTrial) -> Iterator[Row]:
            yield {"versions": len(trial.versions), "at": len(trial.record.own)}

        columns = (Column("versions", Kind.INTEGER, "How many."), Column("at", Kind.INTEGER, "Where."))
        views = trials.views(TableView(name="own", comment="One row is a trial.", columns=columns, of_trial=rows))
        views.rebuild("own")
        assert rows_in(log, "own") == [{"trial": "A", "versions": 1, "at": 3}, {"trial": "B", "versions": 1, "at": 3}]

    def test_the_entry_that_it_cannot_take_sets_it_aside_and_the_others_go_on(self, trials: Trials, log: str) -> None:
        refused = {"S003"}
        views = trials.views(picky(refused))
        views.rebuild()
        desk = trials.trial("A").acting(INVESTIGATOR)
        for subject in ("S002", "S003", "S004"):
            consent(desk, subject)
        views.catch_up()
        found = {(one.view, one.trial): one for one in views.status()}
        aside = found["picky", "A"]
        assert (aside.state, aside.position, aside.failed_at, aside.why) == (State.SET_ASIDE, 6, 7, "KeyError: 'S003'")
        assert {one.state for key, one in found.items() if key != ("picky", "A")} == {State.CURRENT}
        assert [row["participant"] for row in rows_in(log, "picky") if row["trial"] == "A"] == ["S001", "S002"]
        assert len([row for row in rows_in(log, "participant") if row["trial"] == "A"]) == 4
        assert [row["failed_at"] for row in rows_in(log, "about") if row["view"] == "picky"] == [7, None]
        consent(desk, "S005")
        views.catch_up()
        assert views.retry() == 1  # it fails again
        assert next(one for one in views.status() if one.state is State.SET_ASIDE).failed_at == 7
        refused.clear()
        assert views.retry("picky", trial="A") == 1
        assert {one.state for one in views.status()} == {State.CURRENT}
        assert len([row for row in rows_in(log, "picky") if row["trial"] == "A"]) == 5

    def test_a_rebuild_sets_it_aside_in_the_same_way(self, trials: Trials, log: str) -> None:
        views = trials.views(picky({"S001"}))
        views.rebuild()
        aside = [one for one in views.status() if one.state is State.SET_ASIDE]
        assert [(one.trial, one.position, one.failed_at) for one in aside] == [("A", 4, 5), ("B", 4, 5)]
        assert rows_in(log, "picky") == []

    def test_a_row_that_does_not_fit_sets_it_aside_and_says_why(self, trials: Trials) -> None:
        cases: dict[str, tuple[Column, object, str]] = {
            "kind": (
                Column("one", Kind.INTEGER, "A number."),
                "1",
                "has '1' in one, which takes values of kind integer",
            ),
            "word": (Column("one", Kind.TEXT, "A word.", words=("a", "b")), "c", "has 'c' in one, which takes a, b"),
            "none": (Column("one", Kind.TEXT, "A word.", required=True), None, "has no one, which every row needs"),
            "half": (Column("one", Kind.TEXT, "A text."), "\ud800", "which takes values of kind text"),
            "nul": (Column("one", Kind.TEXT, "A text."), "\0", "which takes values of kind text"),
            "wide": (Column("one", Kind.INTEGER, "A number."), 2**63, "which takes values of kind integer"),
        }
        own = [
            TableView(name=name, comment="One.", columns=[column], of_trial=lambda _, value=value: [{"one": value}])  # type: ignore[misc]
            for name, (column, value, _) in cases.items()
        ]
        views = trials.views(*own)
        views.rebuild()
        found = {one.view: one for one in views.status() if one.trial == "A"}
        for name, (_, _, why) in cases.items():
            assert (found[name].state, found[name].failed_at) == (State.SET_ASIDE, 1)
            assert why in (found[name].why or "")
        assert found["participant"].state is State.CURRENT

    def test_a_row_with_a_column_that_the_view_does_not_have(self, trials: Trials) -> None:
        own = TableView(
            name="own",
            comment="One.",
            columns=[Column("one", Kind.TEXT, "A text.")],
            of_trial=lambda _: [{"one": "x", "two": "y"}],
        )
        views = trials.views(own)
        views.rebuild("own")
        assert "has values for two, and the view has no such columns" in (
            next(one.why for one in views.status() if one.view == "own") or ""
        )

    @pytest.mark.parametrize("name", ["Participant", "about", "trial", "view_one", "a b", "", "a" * 41, 'a"', "1a"])
    def test_names_that_no_table_can_have(self, name: str, tmp_path: Path) -> None:
        with Trials.open(tmp_path / "log.db") as trials, pytest.raises(InputInvalid, match="cannot name a view"):
            trials.views(picky(set(), name))

    def test_two_views_with_one_name(self, tmp_path: Path) -> None:
        with Trials.open(tmp_path / "log.db") as trials, pytest.raises(InputInvalid, match="two views with the name"):
            trials.views(picky(set(), "participant"))

    def test_a_view_with_other_columns_than_before_is_outdated_until_it_is_rebuilt(
        self, trials: Trials, log: str
    ) -> None:
        trials.views(picky(set())).rebuild()
        columns = (Column("entries", Kind.INTEGER, "How many."), Column("who", Kind.TEXT, "Who."))
        changed = attrs.evolve(
            picky(set()), columns=columns, of_participant=lambda one: [{"who": one.subject, "entries": 3}]
        )
        views = trials.views(changed)
        assert {one.state for one in views.status() if one.view == "picky"} == {State.OUTDATED}
        views.catch_up()
        assert {one.state for one in views.status()} == {State.CURRENT}
        assert rows_in(log, "picky")[0] == {"trial": "A", "entries": 3, "who": "S001"}
        again = trials.views(attrs.evolve(changed, revision=2))
        assert {one.state for one in again.status() if one.view == "picky"} == {State.OUTDATED}


def restored(log: str, tmp_path: Path, record: Callable[[Trials], None]) -> str:
    """Build the views of a log, go on, and put an earlier copy of the log in its place."""
    with Trials.open(log) as trials:
        for trial in ("A", "B"):
            consent(trials.register(attrs.evolve(OPEN, trial=trial), by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
    backup(log, tmp_path / "backup.db")
    with Trials.open(log) as trials:
        record(trials)
        trials.views().catch_up()
    for file in tmp_path.glob("log.db*"):
        file.unlink()
    restore(tmp_path / "backup.db", log)
    return log


class TestAnotherLogInThePlace:
    def test_an_older_copy_is_noticed_and_its_rows_are_made_by_a_rebuild(self, tmp_path: Path) -> None:
        log = restored(
            str(tmp_path / "log.db"), tmp_path, lambda trials: consent(trials.trial("A").acting(INVESTIGATOR), "LATER")
        )
        with Trials.open(log) as trials:
            views = trials.views()
            assert {(one.trial, one.state) for one in views.status()} == {("A", State.OUTDATED), ("B", State.CURRENT)}
            with pytest.raises(ViewsUnusable, match="position 6 of another log of trial A"):
                views.catch_up()
            views.rebuild()
            assert {one.state for one in views.status()} == {State.CURRENT}
        assert [row["participant"] for row in rows_in(log, "participant")] == ["S001", "S001"]

    def test_one_without_a_trial_that_the_views_have(self, tmp_path: Path) -> None:
        def record(trials: Trials) -> None:
            consent(trials.register(attrs.evolve(OPEN, trial="C"), by=INVESTIGATOR).acting(INVESTIGATOR), "S001")

        log = restored(str(tmp_path / "log.db"), tmp_path, record)
        with Trials.open(log) as trials:
            views = trials.views()
            assert {one.trial for one in views.status() if one.state is State.OUTDATED} == {"C"}
            with pytest.raises(ViewsUnusable, match="the views have rows of trial C, which the log does not have"):
                views.catch_up()
            views.rebuild()
            assert {(one.trial, one.state) for one in views.status()} == {("A", State.CURRENT), ("B", State.CURRENT)}
        assert {row["trial"] for row in rows_in(log, "participant")} == {"A", "B"}


def broken_by_an_amendment(participant: KnownParticipant) -> Iterator[Row]:
    if len(participant.trial.versions) > 1:
        raise KeyError("a second version")
    yield {"participant": participant.subject}


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "step by step"])
def test_an_entry_of_the_trial_is_blamed_for_what_it_breaks(trials: Trials, log: str, *, at_once: bool) -> None:
    columns = (Column("participant", Kind.TEXT, "Who."),)
    own = TableView(name="own", comment="One.", columns=columns, of_participant=broken_by_an_amendment)
    views = trials.views(own)
    if not at_once:
        views.rebuild()
    desk = trials.trial("A").acting(INVESTIGATOR)
    consent(desk, "S002")
    desk.amend(attrs.evolve(OPEN, trial="A", version="2"), effective_on="2026-03-02", summary="a second version")
    views.rebuild("own") if at_once else views.catch_up()
    found = next(one for one in views.status() if (one.view, one.trial) == ("own", "A"))
    assert (found.state, found.position, found.failed_at) == (State.SET_ASIDE, 6, 7)
    assert [row["participant"] for row in rows_in(log, "own") if row["trial"] == "A"] == ["S001", "S002"]


def test_a_rebuild_never_takes_rows_back(trials: Trials, log: str) -> None:
    desk = trials.trial("A").acting(INVESTIGATOR)
    for subject in ("S002", "S003"):
        consent(desk, subject)
    trials.views().rebuild()
    before = all_rows(log)
    trials.close()
    damage(log, 6)
    with closing(open_store(log, readonly=True)) as store:
        views = Views(store)
        with pytest.raises(
            ViewsUnusable, match=r"participant of A cannot take the entry at position 6 any more: .*stay"
        ):
            views.rebuild()
        assert all_rows(log) == before
        assert {(one.position, one.state) for one in views.status() if one.trial == "A"} == {(7, State.CURRENT)}


class WithoutWords(Exception):
    """An error that cannot say what is wrong."""

    @override
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Grade(IntEnum):
    """A number with a name."""

    THREE = 3


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.TEXT, WithoutWords()),
        (Kind.INTEGER, Grade.THREE),
        (Kind.NUMBER, Decimal("1." + "1" * 17_000)),
        (Kind.TIME, datetime(2026, 3, 2)),  # noqa: DTZ001 - without an offset
        (Kind.POSITIONS, [1.5]),
    ],
    ids=["an error without words", "an enumeration", "a long number", "a time without an offset", "no positions"],
)
def test_what_one_view_does_wrong_keeps_no_other_back(trials: Trials, kind: Kind, value: object) -> None:
    def rows(_: KnownTrial) -> Iterator[Row]:
        if isinstance(value, Exception):
            raise value
        yield {"one": value}

    own = TableView(name="own", comment="One.", columns=[Column("one", kind, "A value.")], of_trial=rows)
    views = trials.views(own)
    views.catch_up()
    assert {one.view: one.state for one in views.status()} == {
        **{table.name: State.CURRENT for table in views.tables},
        "own": State.SET_ASIDE,
    }


class TestNames:
    def test_words_of_sql(self, trials: Trials, log: str) -> None:
        names = ("order", "select", "group", "user", "end", "values", "check")
        columns = [Column(name, Kind.TEXT, "A word.", words=("x",)) for name in names]
        own = TableView(name="table", comment="One.", columns=columns, of_trial=lambda _: [dict.fromkeys(names, "x")])
        trials.views(own).rebuild()
        trials.views(own).rebuild()
        assert len(rows_in(log, '"table"')) == 2

    @pytest.mark.parametrize("name", ["ctid", "xmin", "tableoid", "sqlite_x"])
    def test_of_columns_that_a_store_keeps_for_itself(self, name: str, tmp_path: Path) -> None:
        own = TableView(name="own", comment="One.", columns=[Column(name, Kind.TEXT, "A word.")])
        with Trials.open(tmp_path / "log.db") as trials, pytest.raises(InputInvalid, match="cannot name a view"):
            trials.views(own)

    @pytest.mark.parametrize(
        "own",
        [
            TableView(name="own", comment="a\0b", columns=[Column("one", Kind.TEXT, "A word.")]),
            TableView(name="own", comment="One.", columns=[Column("one", Kind.TEXT, "a\ud800b")]),
            TableView(name="own", comment="One.", columns=[Column("one", Kind.TEXT, None)]),  # type: ignore[arg-type]
            TableView(name="own", comment="One.", columns=[Column("one", Kind.TEXT, "A word.", words=(1,))]),  # type: ignore[arg-type]
        ],
    )
    def test_of_comments_and_words(self, own: TableView, tmp_path: Path) -> None:
        with Trials.open(tmp_path / "log.db") as trials, pytest.raises(InputInvalid, match="view own has a"):
            trials.views(own)

    def test_of_a_trial_that_the_log_does_not_have(self, trials: Trials) -> None:
        with pytest.raises(InputInvalid, match="the log has no trial 'NIX': name one of A, B"):
            trials.views().retry(trial="NIX")


class TestWhatIsNotOurs:
    def test_there_is_no_such_view(self, trials: Trials) -> None:
        with pytest.raises(InputInvalid, match="there is no view 'nix': name one of participant, cohort"):
            trials.views().rebuild("nix")

    def test_a_log_in_memory_has_no_views(self) -> None:
        with Trials.open("memory:") as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            assert {one.state for one in trials.views().status()} == {State.NOT_BUILT}
            with pytest.raises(ViewsUnusable, match="a log in memory, and an export, has no views"):
                trials.views().rebuild()

    def test_another_log_in_its_place(self, trials: Trials, log: str, tmp_path: Path) -> None:
        """Views say of which entry they are: rows of one log are never continued with those of another."""
        views = trials.views()
        views.rebuild()
        if log.startswith("postgresql:"):
            with connected(log) as connection:
                connection.execute("SELECT set_config('search_path', current_schema() || '_views', false)")
                connection.execute("UPDATE view_progress SET leaf = sha256(leaf)")
        else:
            with closing(sqlite3.connect(tmp_path / "log-views.db")) as file, file:
                file.execute("UPDATE view_progress SET leaf = zeroblob(32)")
        consent(trials.trial("A").acting(INVESTIGATOR), "S002")
        with pytest.raises(ViewsUnusable, match="were made of position 5 of another log of trial A, or the log was"):
            views.catch_up()
        views.rebuild()
        assert len(rows_in(log, "participant")) == 3

    def test_a_log_that_ends_before_the_views(self, trials: Trials, log: str, tmp_path: Path) -> None:
        views = trials.views()
        views.rebuild()
        if log.startswith("postgresql:"):
            with connected(log) as connection:
                connection.execute("SELECT set_config('search_path', current_schema() || '_views', false)")
                connection.execute("UPDATE view_progress SET position = 7")
        else:
            with closing(sqlite3.connect(tmp_path / "log-views.db")) as file, file:
                file.execute("UPDATE view_progress SET position = 7")
        with pytest.raises(ViewsUnusable, match="were made of position 7 of another log"):
            views.catch_up()

    def test_a_file_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "log-views.db")) as file, file:
            file.execute("CREATE TABLE theirs (one)")
        before = (tmp_path / "log-views.db").read_bytes()
        with Trials.open(tmp_path / "log.db") as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            with pytest.raises(ViewsUnusable, match="is not a file of views of this version: move it away"):
                trials.views().rebuild()
        assert (tmp_path / "log-views.db").read_bytes() == before

    def test_a_text_file_too(self, tmp_path: Path) -> None:
        (tmp_path / "log-views.db").write_text("notes\n" * 100, encoding="utf-8")
        with Trials.open(tmp_path / "log.db") as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            with pytest.raises(ViewsUnusable, match="file is not a database"):
                trials.views().rebuild()
        assert (tmp_path / "log-views.db").read_text(encoding="utf-8") == "notes\n" * 100

    def test_a_closed_log(self, trials: Trials) -> None:
        views = trials.views()
        trials.close()
        with pytest.raises(StoreClosed):
            views.follow()

    def test_it_stops_when_it_is_told_to(self, trials: Trials) -> None:
        looks = iter([False, False, True])
        trials.views().follow(stop=lambda: next(looks))
        assert next(looks, None) is None
        assert {one.state for one in trials.views().status()} == {State.CURRENT}


class TestRebuilding:
    def test_in_several_transactions(self, trials: Trials, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A large trial is built a part at a time, beside the rows that are read."""
        views = trials.views()
        desk = trials.trial("A").acting(INVESTIGATOR)
        for number in range(2, 8):
            consent(desk, f"S{number:03}")
        views.rebuild()
        before = all_rows(log)
        monkeypatch.setattr("trialdomain.views.making._ENTRIES_AT_ONCE", 3)
        views.rebuild()
        assert all_rows(log) == before
        views = trials.views(picky({"S005"}))
        views.rebuild()
        kept = [row["participant"] for row in rows_in(log, "picky") if row["trial"] == "A"]
        assert kept == ["S001", "S002", "S003", "S004"]

    def test_one_that_was_interrupted_leaves_what_is_read(self, trials: Trials, log: str) -> None:
        views = trials.views()
        views.rebuild()
        before = all_rows(log)

        def interrupt(_: str, __: int, ___: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            views.rebuild(progress=interrupt)
        assert all_rows(log) == before
        views.catch_up()
        views.rebuild()
        assert all_rows(log) == before
        with closing(open_store(log, readonly=True)) as store, closing(store.view_tables(make=False)) as tables:
            assert {one.live for one in tables.generations()} == {True}

    def test_one_that_another_has_overtaken(self, trials: Trials) -> None:
        views = trials.views()
        views.rebuild()
        overtaken: list[str] = []

        def overtake(what: str, _: int, __: int) -> None:
            if not overtaken:
                overtaken.append(what)
                views.rebuild("cohort")

        with pytest.raises(ViewsUnusable, match="another program began to rebuild cohort: let it finish"):
            views.rebuild(progress=overtake)
        assert {one.state for one in views.status()} == {State.CURRENT}

    @pytest.mark.processes
    def test_followers_that_begin_at_once_leave_the_first_build_to_one_of_them(self, trials: Trials, log: str) -> None:
        with follower(log) as one, follower(log) as other, follower(log) as third:
            until(lambda: {found.state for found in trials.views().status()} == {State.CURRENT})
            sleep(0.5)
            assert [process.poll() for process in (one, other, third)] == [None, None, None]
        assert len(rows_in(log, "participant")) == 2

    def test_a_builder_that_was_killed_is_not_waited_for(
        self, trials: Trials, log: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trialdomain.views.follower._BUILDER_SECONDS", 0.5)
        with closing(open_store(log, readonly=True)) as store, closing(store.view_tables(make=True)) as tables:
            table = trials.views().tables[0]
            tables.begin(table)  # and never heard of again
        began = monotonic()
        trials.views().catch_up()
        assert monotonic() - began > 0.4
        assert {one.state for one in trials.views().status()} == {State.CURRENT}

    def test_progress_is_told(self, trials: Trials) -> None:
        told: list[tuple[str, int, int]] = []
        trials.views().rebuild(progress=lambda *one: told.append(one))
        assert told[-1] == ("building views", 10, 10)

    def test_the_log_is_as_it_was(self, trials: Trials, log: str) -> None:
        """Nothing is added to the log, and its verification finds nothing."""
        trials.views().rebuild()
        trials.close()
        assert verify(log).defects == ()


@pytest.mark.soak
def test_swaps_under_readers(log: str) -> None:
    """Readers see every participant at every moment, and wait for no swap longer than 300 ms."""
    with Trials.open(log) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        for number in range(20):
            consent(desk, f"S{number:03}")
        views = trials.views()
        views.rebuild()
        stop, faults, reads = Event(), list[object](), [0, 0, 0]

        def read(number: int) -> None:
            chance = Random(number)  # noqa: S311 - no secret
            with reader(log) as query:
                while not stop.is_set():
                    found = query("SELECT count(*) FROM participant", chance.choice([0, 0, 0.05]))
                    if found != [20]:
                        faults.append(found)
                    reads[number] += 1

        readers = [Thread(target=read, args=(number,)) for number in range(len(reads))]
        for one in readers:
            one.start()
        try:
            swaps = 0
            while swaps < times(100, least=10) or min(reads) < 20:
                views.rebuild("participant")
                swaps += 1
        finally:
            stop.set()
            for one in readers:
                one.join()
        assert faults == []
        assert next(one.generation for one in views.status() if one.view == "participant") == 1 + swaps


class reader:  # noqa: N801 - a context manager, in the form of a function
    """Read a view again and again, in transactions that last some seconds, without waiting longer than 300 ms."""

    def __init__(self, log: str) -> None:
        self._log = log

    def __enter__(self) -> Callable[[str, float], list[object]]:
        if self._log.startswith("postgresql:"):
            self._open = connected(self._log)
            connection = self._open.__enter__()
            connection.execute("SELECT set_config('search_path', current_schema() || '_views', false)")
            connection.execute("SET lock_timeout = '300ms'")

            def query(statement: str, seconds: float) -> list[object]:
                try:
                    with connection.transaction():
                        found: list[object] = [one for (one,) in connection.execute(statement.encode())]
                        sleep(seconds)
                        return found
                except Exception as error:  # noqa: BLE001 - whatever a reader is told is a fault
                    return [error]

            return query
        path = Path(self._log)
        self._file = sqlite3.connect(
            path.with_name(f"{path.stem}-views.db"), isolation_level=None, timeout=0.3, check_same_thread=False
        )

        def ask(statement: str, seconds: float) -> list[object]:
            try:
                self._file.execute("BEGIN")
                found = [one for (one,) in self._file.execute(statement)]
                sleep(seconds)
                self._file.execute("COMMIT")
            except sqlite3.Error as error:
                return [error]
            return found

        return ask

    def __exit__(self, *_: object) -> None:
        if self._log.startswith("postgresql:"):
            self._open.__exit__(None, None, None)
        else:
            self._file.close()


def test_a_file_of_views_that_is_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trialdomain.views.follower._REFRESH_SECONDS", 0.1)
    log = str(tmp_path / "log.db")
    with Trials.open(log) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        consent(desk, "S001")
        stop = Event()
        following = Thread(target=trials.views().follow, kwargs={"stop": stop.is_set})
        following.start()
        until(lambda: {one.state for one in trials.views().status()} == {State.CURRENT})
        for file in tmp_path.glob("log-views.db*"):
            file.unlink()
        until(lambda: {one.state for one in trials.views().status()} == {State.CURRENT})
        stop.set()
        following.join()
    assert [row["participant"] for row in rows_in(log, "participant")] == ["S001"]


def test_a_file_that_another_process_makes_while_it_is_looked_at_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process makes its tables between two of the questions by which a file is recognized."""
    log = tmp_path / "log.db"
    (tmp_path / "log-views.db").touch()
    asked, made = SQLiteViewTables._is_empty, list[bool]()  # noqa: SLF001 - the moment between two questions

    def is_empty(tables: SQLiteViewTables) -> bool:
        if not made:
            made.append(True)
            SQLiteViewTables(log, make=True).close()
        return asked(tables)

    monkeypatch.setattr(SQLiteViewTables, "_is_empty", is_empty)
    tables = SQLiteViewTables(log, make=False)
    assert tables.generations() == []
    tables.close()
    assert made == [True]


def damage(log: str, position: int) -> None:
    """Change the state of an entry, as who owns the log can."""
    if log.startswith("postgresql:"):
        with connected(log) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("UPDATE entries SET state = '{}' WHERE trial = 'A' AND position = %s", (position,))
    else:
        with closing(sqlite3.connect(log)) as file, file:
            file.execute("DROP TRIGGER entries_no_update")
            file.execute("UPDATE entries SET state = x'7b7d' WHERE trial = 'A' AND position = ?", (position,))


def test_an_entry_that_was_damaged_sets_every_view_aside_in_its_trial(trials: Trials, log: str) -> None:
    """The counts of the whole trial are never made of the participants that could still be read."""
    desk = trials.trial("A").acting(INVESTIGATOR)
    for subject in ("S002", "S003"):
        consent(desk, subject)
        desk.screen(subject, on="2026-03-02")
        desk.enroll(subject, on="2026-03-02")
    views = trials.views()
    head = trials.trial("A").history().position
    trials.close()
    damage(log, 7)
    with closing(open_store(log, readonly=True)) as store:
        views = Views(store)
        views.rebuild()
        found = {(one.view, one.trial): one for one in views.status()}
        assert {(one.state, one.position, one.failed_at) for key, one in found.items() if key[1] == "A"} == {
            (State.SET_ASIDE, 6, 7)
        }
        assert {one.state for key, one in found.items() if key[1] == "B"} == {State.CURRENT}
        assert found["participant", "A"].head == head
        assert "verify the log" in (found["participant", "A"].why or "")
        assert views.retry() == 10
        assert {one.state for one in views.status() if one.trial == "A"} == {State.SET_ASIDE}
    assert {row["enrolled"] for row in rows_in(log, "level_standing") if row["trial"] == "A"} == {0}


class TestInPostgreSQL:
    def test_a_role_that_only_reads(self, server: Server) -> None:
        """The role of the documentation reads the views, and neither the log nor what the views are made with."""
        schema = server.new_schema()
        log, role = server.address(schema), f"{schema}_analyst"
        with Trials.open(log) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            trials.views().rebuild()
        server.sql(f"CREATE ROLE {role} LOGIN")
        server.sql(f"GRANT USAGE ON SCHEMA {schema}_views TO {role}")
        with connected(log) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT table_name FROM information_schema.views WHERE table_schema = %s", (f"{schema}_views",)
                )
            ]
        assert len(names) == 11
        server.sql("".join(f"GRANT SELECT ON {schema}_views.{name} TO {role};" for name in names))
        with connected(server.address(schema, user=role)) as connection:
            for name in names:
                connection.execute(f"SELECT * FROM {schema}_views.{name}".encode())
            for refused in (
                f"SELECT * FROM {schema}.entries",
                f"SELECT * FROM {schema}_views.view_progress",
                f"DELETE FROM {schema}_views.participant",
                f"CREATE TABLE {schema}_views.mine (one integer)",
            ):
                with pytest.raises(Exception, match="permission denied"):
                    connection.execute(refused.encode())
        with Trials.open(log) as trials:
            trials.views().rebuild()  # its rights stay with the names
        with connected(server.address(schema, user=role)) as connection:
            connection.execute(f"SELECT * FROM {schema}_views.participant".encode())

    def test_a_role_that_may_not_make_a_schema(self, server: Server) -> None:
        schema = server.new_schema()
        role = f"{schema}_limited"
        server.sql(f"CREATE ROLE {role} LOGIN; GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")
        log = server.address(schema, user=role)
        with Trials.open(log) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            with pytest.raises(
                ViewsUnusable, match=f"ask the owner of the database for CREATE SCHEMA {schema}_views AUTHO"
            ):
                trials.views().rebuild()
            server.sql(f"CREATE SCHEMA {schema}_views AUTHORIZATION {role}")
            trials.views().rebuild()
        assert rows_in(log, "participant") == []

    def test_a_schema_of_something_else_is_left_alone(self, server: Server) -> None:
        schema = server.new_schema()
        server.sql(f"CREATE SCHEMA {schema}_views; CREATE TABLE {schema}_views.theirs (one integer)")
        with Trials.open(server.address(schema)) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            with pytest.raises(ViewsUnusable, match="has other tables, and no views: it was left as it is"):
                trials.views().rebuild()

    def test_comments_say_what_a_row_and_a_column_is(self, server: Server) -> None:
        schema = server.new_schema()
        with Trials.open(server.address(schema)) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            views = trials.views()
            views.rebuild()
        for table in views.tables:
            relation = f"'{schema}_views.{table.name}'::regclass"
            assert server.sql(f"SELECT obj_description({relation})") == [(table.comment,)]
            told = server.sql(
                f"SELECT attname, col_description({relation}, attnum) FROM pg_attribute WHERE attrelid = {relation}"
                " AND attnum > 1 ORDER BY attnum"
            )
            assert told == [(one.name, one.comment) for one in table.columns]

    def test_a_busy_reader_keeps_the_old_rows_and_the_rebuild_says_so(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trialdomain.views.follower._SWAP_SECONDS", 0.5)
        log = server.new_log()
        with Trials.open(log) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            views = trials.views()
            views.rebuild()
            with connected(log) as connection, connection.transaction():
                connection.execute("SELECT set_config('search_path', current_schema() || '_views', true)")
                connection.execute("SELECT * FROM participant")
                consent(desk, "S001")
                with pytest.raises(ViewsUnusable, match="readers keep participant busy, and the new rows could not"):
                    views.rebuild("participant")
            views.catch_up()
            assert [row["participant"] for row in rows_in(log, "participant")] == ["S001"]
            views.rebuild("participant")
            assert [row["participant"] for row in rows_in(log, "participant")] == ["S001"]

    def test_a_client_that_asks_for_another_encoding(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
        log = server.new_log()
        with Trials.open(log) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            entries = desk.consent("S001", signed_on="2026-03-02", form_version="1")
            desk.correct(entries[0], reason="转录错误:第十二号来源文件", form_version="2")
            trials.views().catch_up()
        monkeypatch.delenv("PGCLIENTENCODING")
        assert rows_in(log, "correction")[0]["reason"] == "转录错误:第十二号来源文件"

    def test_views_of_others_that_need_the_columns_of_before(self, server: Server) -> None:
        schema = server.new_schema()
        with Trials.open(server.address(schema)) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            trials.views(picky(set())).rebuild()
            server.sql(f"CREATE VIEW {schema}_views.mine AS SELECT participant FROM {schema}_views.picky")
            changed = attrs.evolve(picky(set()), columns=[Column("who", Kind.TEXT, "Who.")])
            with pytest.raises(ViewsUnusable, match="views of others use it; drop those, rebuild, and make them again"):
                trials.views(changed).rebuild("picky")

    def test_a_restarted_server_is_waited_for(self, own_server: Server) -> None:
        log = own_server.new_log()
        with Trials.open(log) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            stop = Event()
            following = Thread(target=trials.views().follow, kwargs={"stop": stop.is_set})
            following.start()
            until(lambda: {one.state for one in trials.views().status()} == {State.CURRENT})
            own_server.start_again()
            consent(desk, "S001")
            until(lambda: {one.lag for one in trials.views().status()} == {0})
            stop.set()
            following.join()
        assert len(rows_in(log, "participant")) == 1
