"""How a table is drawn: no word is broken, nothing is left out, and rows come one by one."""

from collections.abc import Iterator
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialdomain.cli.drawing import draw
from trialdomain.cli.output import print_table
from trialdomain.cli.wrapping import room, wrapped
from trialdomain.reports.table import Column, Table, together

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=14)
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
KEEPS = st.lists(st.integers(-2, 2), min_size=6, max_size=6)


def lines_of(titles: list[str], rows: list[list[str]], width: int, *, turns: bool = False) -> list[str]:
    columns = [Column(title) for title in titles]
    return list(draw(columns, map(tuple, rows), title="Title", width=width, turns=turns))


def words_of(lines: list[str]) -> list[str]:
    words = (word.strip(":;") for line in lines for word in line.split())
    return [word for word in words if word.strip("-")]


@given(titles=st.lists(WORDS, min_size=6, max_size=6), keeps=KEEPS, rows=st.lists(st.tuples(*[TEXTS] * 6), max_size=4))
def test_every_word_is_whole_and_there_and_no_line_is_longer(
    titles: list[str], keeps: list[int], rows: list[tuple[str, ...]]
) -> None:
    columns = [Column(title, keep=keep, least=8) for title, keep in zip(titles, keeps, strict=True)]
    for turns in (False, True):
        lines = list(draw(columns, rows, title="Title", width=40, turns=turns))
        assert max(map(len, lines)) <= 40
        cells = {word for row in rows for cell in row for word in cell.split()}
        assert cells <= set(words_of(lines)) <= {"Title", *titles, *cells}


def test_what_fits_stands_side_by_side_and_numbers_are_set_right() -> None:
    assert lines_of(["level", "with DLT"], [["1", "none"], ["12", "S002"]], 40) == [
        "Title",
        "level  with DLT",
        "-----  --------",
        "    1  none",
        "   12  S002",
        "",
    ]


def test_a_heading_breaks_between_words_and_a_percentage_stays_with_its_number() -> None:
    cells = [f"{together('12 (66.7)')} [40]"] * 3
    assert lines_of(["observed to the end", "any", "serious"], [cells], 33) == [
        "Title",
        "observed",
        "to the end  any        serious",
        "----------  ---------  ----------",
        "12 (66.7)   12 (66.7)  12 (66.7)",
        "[40]        [40]       [40]",
        "",
    ]


def test_a_table_of_levels_is_turned_where_it_fits_then() -> None:
    titles, rows = ["level", "enrolled", "withdrew", "completed"], [["1", "3", "0", "3"], ["all", "3", "0", "3"]]
    assert lines_of(titles, rows, 30, turns=True) == [
        "Title",
        "           level 1  all",
        "---------  -------  ---",
        "enrolled         3    3",
        "withdrew         0    0",
        "completed        3    3",
        "",
    ]


def test_what_matters_least_stands_under_its_row() -> None:
    columns = [Column("entry"), Column("entries that it rests on", keep=-1), Column("what")]
    row = ("7", "1, 2, 3, 4, 5, 6", "infused at level 1")
    assert list(draw(columns, [row], title="Title", width=20)) == [
        "Title",
        "entry  what",
        "-----  -------------",
        "    7  infused at",
        "       level 1",
        "    entries that it",
        "    rests on: 1, 2,",
        "    3, 4, 5, 6",
        "",
    ]


def test_a_row_of_which_nothing_stands_beside_has_no_empty_line() -> None:
    columns = [Column("entry"), Column("field", keep=-1), Column("what")]
    rows = [("7", "level", "infusion"), ("", "started_at", "")]
    assert list(draw(columns, rows, title="T", width=20))[3:] == [
        "    7  infusion",
        "    field: level",
        "    field:",
        "    started_at",
        "",
    ]


def test_a_later_word_that_is_wider_than_its_column_stands_under_its_row_whole() -> None:
    def rows() -> Iterator[tuple[str, str]]:
        yield from (("S001", "short") for _ in range(100))
        yield "S002", "immunohistochemistry"

    assert list(draw([Column("who"), Column("what")], rows(), title="T", width=24))[-4:] == [
        "S002",
        "    what:",  # the word has 20 characters: there is no room for it beside its name, on a line of 24
        "    immunohistochemistry",
        "",
    ]


def test_rows_are_drawn_before_the_last_one_is_known() -> None:
    rows = ((str(number), "infused") for number in count(1))
    assert len(list(islice(draw([Column("entry"), Column("what")], rows, title="T", width=80), 5_000))) == 5_000


def test_characters_of_double_width_are_counted_as_two_and_may_be_parted() -> None:
    # Ten characters of two columns each are 20 columns: two lines of 12 columns hold six and four of them.
    assert wrapped("间充质干细胞外泌体治", 12) == ["间充质干细胞", "外泌体治"]
    assert [room(line) for line in wrapped("间充质干细胞外泌体治", 12)] == [12, 8]


def test_a_word_that_is_longer_than_a_line_is_whole() -> None:
    assert wrapped("the root is RqC2QWMMyVyLhBbwZqaB4idg087idtk of it", 12) == [
        "the root is",
        "RqC2QWMMyVyLhBbwZqaB4idg087idtk",
        "of it",
    ]


def test_what_follows_a_word_that_is_too_long_stands_after_it() -> None:
    """The widths follow from the first 100 rows: in row 101 the field has no room, and its value comes after it."""
    rows = [("1", "grade", "3")] * 100 + [("101", "attributions.relatedness", "possibly")]
    columns = [Column("position"), Column("field"), Column("new", least=8)]
    lines = list(draw(columns, rows, title="Title", width=60))
    assert lines[-3:] == ["     101", "    field: attributions.relatedness; new: possibly", ""]


def test_a_column_in_which_no_row_says_anything_is_not_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Table(title="Title", columns=("who", "amount", "lot"), rows=(("S001", "", "7"), ("S002", " ", ""))))
    print_table(Table(title="Nobody", columns=("who", "amount"), rows=()))
    assert [line.split() for line in capsys.readouterr().out.splitlines() if "-" not in line and line] == [
        ["Title"],
        ["who", "lot"],
        ["S001", "7"],
        ["S002"],
        ["Nobody"],
        ["who", "amount"],
    ]
