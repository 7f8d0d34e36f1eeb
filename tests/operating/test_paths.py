"""All paths of a design, against published numbers and against walks that the tests write themselves."""

from io import StringIO
from xml.etree import ElementTree as ET

import attrs
import pytest
from walked import DESIGNS, TARGET, every_sequence

from trialdomain import (
    Boin,
    DesignUnknown,
    DoseLevel,
    Keyboard,
    RollingSix,
    ThreePlusThree,
    paths,
)
from trialdomain.exchange.paths_csv import write_paths
from trialdomain.exchange.paths_picture import PictureTooLarge, picture_of
from trialdomain.operating import walk
from trialdomain.operating.ending import Ending
from trialdomain.operating.paths import CohortOutcome, TrialPath
from trialdomain.operating.walk import DesignEndless, LevelsUnfit, StatesTooMany
from trialdomain.protocol.designs import DesignSpec
from trialdomain.reports.operating.paths import paths_report, tree_lines

PUBLISHED = {2: 46, 3: 154, 4: 442, 5: 1162, 6: 2890, 7: 6922, 8: 16138}
"""By levels: the paths of 3+3, as the R package precautionary enumerates them."""


@pytest.mark.parametrize(("levels", "number"), PUBLISHED.items())
def test_three_plus_three_has_the_published_number_of_paths(levels: int, number: int) -> None:
    found = paths(ThreePlusThree(), levels)
    assert found.number == number == sum(one.paths for one in found.endings)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_paths_are_those_of_a_walk_that_reads_the_whole_text_before_each_cohort(name: str) -> None:
    spec, levels = DESIGNS[name]
    found = paths(spec, levels)
    expected = dict(every_sequence(spec, levels=levels))
    assert {path.outcomes: path.ending.name for path in found} == expected
    assert found.number == len(expected) == len(list(found))


@pytest.mark.parametrize("name", DESIGNS)
def test_the_counts_of_the_endings_are_those_of_the_paths(name: str) -> None:
    spec, levels = DESIGNS[name]
    found = paths(spec, levels)
    sizes: dict[str, list[int]] = {}
    for path in found:
        sizes.setdefault(path.ending.name, []).append(path.participants)
    assert {one.ending.name: (one.paths, one.smallest, one.largest) for one in found.endings} == {
        name: (len(of), min(of), max(of)) for name, of in sizes.items()
    }


def test_the_smallest_and_largest_sizes_of_3_plus_3_are_those_of_its_forecast() -> None:
    # domain.md, forecast, in whole cohorts: none tolerated 3, level 1: 9, level 2: 12, level 3: 12; at most 18.
    found = paths(ThreePlusThree(), 3)
    assert [one.smallest for one in found.endings] == [3, 9, 12, 12]
    assert {one.largest for one in found.endings} == {18}


def test_rolling_six_fills_a_level_at_once() -> None:
    # Six at each level: 0 or 1 DLT go on, 2 to 6 close the level; of 2 levels 5 + 2 * 7 paths.
    found = paths(RollingSix(), 2)
    assert (found.number, [one.smallest for one in found.endings]) == (19, [6, 12, 12])
    assert {cohort.size for path in found for cohort in path.cohorts} == {6}


def test_the_last_cohort_is_cut_to_fit() -> None:
    found = paths(Boin(target=TARGET, max_n=8), 3)
    assert {path.participants for path in found} == {3, 6, 8}
    assert next(iter(found)).outcomes == "1NNN 2NNN 3NN"


def test_progress_is_told_as_paths_get_longer() -> None:
    told: list[tuple[str, int, int]] = []
    paths(ThreePlusThree(), 2, progress=lambda what, done, total: told.append((what, done, total)))
    assert told == [("walking", done, 12) for done in (0, 3, 6, 9, 12)]


def test_states_are_merged() -> None:
    found = paths(Boin(target=TARGET, max_n=30), 3)
    assert found.states * 5 < found.number


def test_the_levels_of_a_protocol_keep_their_labels() -> None:
    ladder = [DoseLevel(level=1, label=-1), DoseLevel(level=2, label="1a")]
    found = paths(ThreePlusThree(start_level=2), ladder)
    assert [one.ending.words for one in found.endings] == ["none tolerated", "MTD at level -1", "MTD at level 1a"]
    assert next(tree_lines(found, ladder)) == "level 1a: 0/3"


class TestRefused:
    @pytest.mark.parametrize("spec", [Boin(target=TARGET), Keyboard(target=TARGET)])
    def test_a_design_without_a_limit(self, spec: DesignSpec) -> None:
        with pytest.raises(DesignEndless, match=r"not every path of this design ends: .* give max_n in \[design\]"):
            paths(spec, 3)

    @pytest.mark.parametrize("levels", [0, 21, True])
    def test_a_number_of_levels(self, levels: int) -> None:
        with pytest.raises(LevelsUnfit, match="expected a number from 1 to 20, got"):
            paths(ThreePlusThree(), levels)

    def test_levels_out_of_order(self) -> None:
        with pytest.raises(LevelsUnfit, match="expected 1 to 20 levels with the places"):
            paths(ThreePlusThree(), [DoseLevel(level=2)])

    def test_a_start_above_the_highest_level(self) -> None:
        with pytest.raises(LevelsUnfit, match="start_level is 3, and there are 2 levels"):
            paths(ThreePlusThree(start_level=3), 2)

    def test_a_design_of_no_library(self) -> None:
        with pytest.raises(DesignUnknown):
            paths(DesignSpec(), 2)

    def test_more_states_than_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walk, "MOST_STATES", 100)
        with pytest.raises(StatesTooMany, match="more than 100 different situations"):
            paths(ThreePlusThree(), 3)

    def test_a_path_of_another_design(self) -> None:
        other = TrialPath((CohortOutcome(2, 3, 0),), Ending("none"))
        with pytest.raises(ValueError, match="the design has no path '2NNN'"):
            paths(ThreePlusThree(), 2).asked(other)


class TestReports:
    def test_the_rows_of_the_csv_are_the_paths(self) -> None:
        text = StringIO()
        write_paths(paths(ThreePlusThree(), 2), text)
        header, first, *_, last = text.getvalue().splitlines()
        assert header == "path,outcomes,cohorts,participants,dlts,ending,level"
        assert (first, last) == ("1,1NNN 2NNN 2NNN,3,9,0,mtd,2", "46,1TTT,1,3,3,none,")

    def test_the_tree_has_a_line_for_each_cohort_and_ends_where_paths_end(self) -> None:
        found = paths(ThreePlusThree(), 2)
        lines = list(tree_lines(found, found.ladder))
        beginnings = {path.cohorts[:depth] for path in found for depth in range(1, len(path.cohorts) + 1)}
        assert len(lines) == len(beginnings)
        assert sum("treated" in line for line in lines) == 46
        assert lines[0] == "level 1: 0/3"
        assert lines[-1] == "level 1: 3/3: none tolerated, 3 treated"

    def test_the_tree_is_shortened_unless_all_is_asked_for(self) -> None:
        found = paths(ThreePlusThree(), 3)
        *_, short = paths_report(found).blocks
        *_, whole = paths_report(found, every_line=True).blocks
        assert [len(getattr(one, "lines", ())) for one in (short, whole)] == [
            62,
            1 + len(list(tree_lines(found, found.ladder))),
        ]

    def test_the_picture_is_xml_with_a_box_for_each_cohort_and_an_end_for_each_path(self) -> None:
        found = paths(ThreePlusThree(), 2)
        root = ET.fromstring(picture_of(found))  # noqa: S314 - our own text
        texts = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]
        assert sum(text.startswith(("MTD at level", "none tolerated")) for text in texts) == 46
        assert sum(" / 3" in text for text in texts) == len(list(tree_lines(found, found.ladder)))

    def test_a_picture_of_too_many_paths_is_refused(self) -> None:
        with pytest.raises(PictureTooLarge, match="1162 paths are too many for a picture"):
            picture_of(paths(ThreePlusThree(), 5))

    def test_a_picture_escapes_what_it_is_given(self) -> None:
        level = attrs.evolve(DoseLevel(level=1), label="1a")
        assert "1a: 0 / 3" in picture_of(paths(ThreePlusThree(), [level]))
