"""The scale of a grade: its spellings, its grades, and the texts that are almost one.

Grades: CTCAE 5.0 and 4.03 (NCI) have 1 to 5; ASTCT 2019 (Lee, BBMT 25:625) has 1 to 5; the FDA's scale for vaccine
trials (Guidance for Industry, September 2007) has 1 to 4.
"""

import msgspec
import pytest

from trialdomain import Scale
from trialdomain.values.clinical.ctcae import lacks, term_on
from trialdomain.values.clinical.scale import (
    ASTCT_2019,
    CTCAE_4_03,
    CTCAE_5_0,
    FDA_2007,
    KNOWN_SCALES,
    SDTM_SEVERITY,
    ScaleUnknown,
    highest_by_scale,
    scale_of,
)


class TestSpellings:
    @pytest.mark.parametrize(
        ("given", "scale"),
        [
            ("CTCAE 5.0", CTCAE_5_0),
            ("CTCAE v5.0", CTCAE_5_0),
            ("ctcae V5", CTCAE_5_0),
            (" CTCAE  version 5.0 ", CTCAE_5_0),
            ("CTCAEv5.0", CTCAE_5_0),
            ("CTCAE_5.0", CTCAE_5_0),
            ("NCI-CTCAE v4.03", CTCAE_4_03),
            ("Common Terminology Criteria for Adverse Events v4.03", CTCAE_4_03),
            ("CTCAE 5.0, grades 1 to 5", CTCAE_5_0),
            ("astct 2019", ASTCT_2019),
            ("ASTCT consensus grading 2019", ASTCT_2019),
            ("ASTCT 2019 ICANS", ASTCT_2019),
            ("FDA 2007", FDA_2007),
            ("FDA 2007 vaccine scale", FDA_2007),
            ("fda vaccine toxicity grading scale 2007", FDA_2007),
            ("sdtm Severity", SDTM_SEVERITY),
        ],
    )
    def test_a_known_scale_has_many(self, given: str, scale: Scale) -> None:
        assert scale_of(given) is scale

    @pytest.mark.parametrize(
        ("given", "name", "version", "grades"),
        [
            ("WHO 1979", "WHO", "1979", (None, None)),
            ("WHO v1979, grades 1 to 4", "WHO", "1979", (1, 4)),
            ("WHO 1979 (Grades 1-4)", "WHO", "1979", (1, 4)),
            ("Sponsor's own scale", "Sponsor's own scale", None, (None, None)),
            ("CTCAE 3.0, grades 1 to 5", "CTCAE", "3.0", (1, 5)),
            ("CTCEA 5.0, grades 1 to 5", "CTCEA", "5.0", (1, 5)),
        ],
    )
    def test_another_one_is_named_with_its_version_and_grades(
        self, given: str, name: str, version: str | None, grades: tuple[int | None, int | None]
    ) -> None:
        scale = scale_of(given)
        assert (scale.name, scale.version, (scale.lowest, scale.highest)) == (name, version, grades)
        assert scale_of(scale.text) == scale_of(scale) == scale

    @pytest.mark.parametrize(
        ("given", "nearest"),
        [
            ("CTCEA 5.0", "CTCAE 5.0"),
            ("CTCAE 5.1", "CTCAE 5.0"),
            ("CTCAE 4.3", "CTCAE 4.03"),
            ("CTCAE 3.0", "CTCAE 5.0"),
            ("CTCAE", "CTCAE 5.0 or CTCAE 4.03"),
            ("ASTC 2019", "ASTCT 2019"),
            ("ASTCT", "ASTCT 2019"),
            ("FDA 2017", "FDA 2007"),
            ("severity", "SDTM severity"),
            ("CTAE", "CTCAE 5.0 or CTCAE 4.03"),
            ("FDAA", "FDA 2007"),
        ],
    )
    def test_a_text_that_is_almost_one_is_refused_with_the_nearest(self, given: str, nearest: str) -> None:
        with pytest.raises(ScaleUnknown, match=f"the nearest that this library knows is {nearest}") as refused:
            scale_of(given)
        assert f"'{given}, grades 1 to 5'" in str(refused.value)  # what to write, if it is meant

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ("", "1 to 80 characters"),
            ("x" * 100, "1 to 80 characters"),
            ("x" * 1000, "more than 160 characters"),
            ("WHO, grades 0 to 4", "lowest must be a whole number from 1 to 5, got 0"),
            ("WHO, grades 1 to 6", "highest must be a whole number from 1 to 5, got 6"),
            ("WHO, grades 4 to 1", "the lowest grade of a scale, 4, is above its highest, 1"),
            ("FDA 2007, grades 1 to 5", "FDA 2007 has grades 1 to 4; leave the grades out"),
            (5, "give a text, such as 'CTCAE 5.0'"),
            (None, "give a text, such as 'CTCAE 5.0'"),
        ],
    )
    def test_what_is_none_is_refused(self, given: str, why: str) -> None:
        with pytest.raises(ScaleUnknown, match=why):
            scale_of(given)

    def test_a_scale_that_a_caller_made_is_the_known_one_of_that_text(self) -> None:
        assert scale_of(Scale(name="ctcae", version="5.0")) is CTCAE_5_0
        with pytest.raises(ScaleUnknown, match="nearest"):
            scale_of(Scale(name="CTCAE", version="5.1"))


class TestGrades:
    @pytest.mark.parametrize(
        ("given", "grades"),
        [
            ("CTCAE 5.0", [1, 2, 3, 4, 5]),
            ("CTCAE 4.03", [1, 2, 3, 4, 5]),
            ("ASTCT 2019", [1, 2, 3, 4, 5]),
            ("FDA 2007", [1, 2, 3, 4]),
            ("WHO 1979, grades 1 to 4", [1, 2, 3, 4]),
            ("WHO 1979", [1, 2, 3, 4, 5]),  # not known: any that a grade can be
        ],
    )
    def test_a_scale_has_its_own(self, given: str, grades: list[int]) -> None:
        assert list(scale_of(given).grades) == grades

    def test_one_of_the_two_alone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="its lowest and its highest grade, or neither"):
            Scale(name="WHO", lowest=1)

    def test_the_highest_on_each_scale_is_kept_apart(self) -> None:
        graded = [(ASTCT_2019, 3), (CTCAE_5_0, 1), (CTCAE_5_0, 2), (ASTCT_2019, 2)]
        assert highest_by_scale(graded, CTCAE_5_0) == ((CTCAE_5_0, 2), (ASTCT_2019, 3))
        assert highest_by_scale(graded[1:3], CTCAE_5_0) == ()  # all by the protocol's: there is nothing to name
        assert highest_by_scale(graded[1:3], CTCAE_4_03) == ((CTCAE_5_0, 2),)


class TestTheTable:
    def test_it_is_of_ctcae_5_0_alone(self) -> None:
        assert [str(scale) for scale in KNOWN_SCALES if term_on(scale, "Fever")] == ["CTCAE 5.0"]
        assert [str(scale) for scale in KNOWN_SCALES if lacks(scale, "Blue spots")] == ["CTCAE 5.0", "SDTM severity"]
        assert not lacks(CTCAE_5_0, "Fever")

    def test_a_stored_scale_is_read_as_it_stands(self) -> None:
        """A later version of the library may know more scales; a log keeps its meaning and its bytes."""
        written = b'{"highest":5,"lowest":1,"name":"CTCEA","version":"5.0"}'
        assert msgspec.json.encode(msgspec.json.decode(written, type=Scale), order="sorted") == written
