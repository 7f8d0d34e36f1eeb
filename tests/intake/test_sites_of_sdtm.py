"""The sites of an imported study: DM.SITEID names one of the protocol's, and gives the zone of its times."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import attrs
from sdtm_files import Rows, columns, lab, study, write

from trialdomain import DltRule, Imported, import_sdtm, nct06245746, read_log
from trialdomain.events.participant import Consented, LabRecorded
from trialdomain.protocol.sites import Site

TWO = attrs.evolve(
    nct06245746(),
    criteria=(),
    zone=None,
    dlt=DltRule(min_grade=3),
    sites=(Site(id="B", zone="Europe/Berlin"), Site(id="S", zone="Australia/Sydney")),
)


def at_sites(*sites: str) -> Rows:
    """Give the study with its four people at sites, all consented, and a result of each at 8:30."""
    rows = study()
    rows["lb"] = [lab(f"P-{number}", 1) for number in (1, 2, 4)]
    return columns(rows, "dm", SITEID=sites, RFICDTC=("2013-02-19",) * 4)


def brought(tmp_path: Path, rows: Rows) -> Imported:
    return import_sdtm(
        write(tmp_path / "study", rows),
        tmp_path / "log.db",
        protocol=TWO,
        clock=lambda: datetime(2026, 3, 2, 8, tzinfo=UTC),
    )


def of(tmp_path: Path, subject: str) -> tuple[str | None, str]:
    """Give the site in the consent, and the time of the result."""
    with read_log(tmp_path / "log.db") as log:
        facts = [e.fact for e in log["NCT06245746"].history().entries() if e.stream.endswith(f"/{subject}")]
    [consented] = [fact for fact in facts if isinstance(fact, Consented)]
    [result] = [fact for fact in facts if isinstance(fact, LabRecorded)]
    return consented.site, str(result.collected_at)


def test_times_are_those_of_the_site(tmp_path: Path) -> None:
    brought(tmp_path, at_sites("B", "S", "B", "S"))
    # On 4 March 2013 Berlin was an hour ahead of UTC, and Sydney, in its summer, eleven.
    assert of(tmp_path, "P-1") == ("B", "2013-03-04T08:30+01:00")
    assert of(tmp_path, "P-2") == ("S", "2013-03-04T08:30+11:00")
    assert of(tmp_path, "P-4") == ("S", "2013-03-04T08:30+11:00")


def test_a_site_that_the_protocol_does_not_have_is_remarked(tmp_path: Path) -> None:
    done = brought(tmp_path, at_sites("B", "701", "B", ""))
    assert of(tmp_path, "P-2") == (None, "2013-03-04T08:30+01:00")  # the zone of the trial is that of the first site
    assert done.remarked is not None
    with done.remarked.open(newline="") as file:
        told = [(one["line"], one["remark"]) for one in csv.DictReader(file) if "SITEID" in one["remark"]]
    assert told == [
        ("3", "the protocol has no site '701' (SITEID): days are counted in the zone of the trial"),
        ("5", "the protocol has no site '' (SITEID): days are counted in the zone of the trial"),
    ]
