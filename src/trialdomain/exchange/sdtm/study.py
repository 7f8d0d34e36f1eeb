"""A study in SDTM files: its arms, the protocol derived from them, and the facts of each subject."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import attrs

from trialdomain.exchange.sdtm.arms import dose_levels, levels_of, planned_arms
from trialdomain.exchange.sdtm.cells import Setting
from trialdomain.exchange.sdtm.columns import AE, DOMAINS, DS, EX
from trialdomain.exchange.sdtm.disposition import ended_early
from trialdomain.exchange.sdtm.rows import Row, RowRead
from trialdomain.exchange.sdtm.staging import RowMalformed, Staging, StudyUnusable
from trialdomain.exchange.sdtm.subject import read_subject
from trialdomain.exchange.sdtm.terms import Terms, key_of
from trialdomain.protocol.endpoints.parts import Anchor
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import CTCAE_5_0, SDTM_SEVERITY, Scale
from trialdomain.values.ids import CodeInvalid, check_id
from trialdomain.values.progress import Progress, ignore_progress

__all__ = ["RowMalformed", "RowRead", "Study", "StudyUnusable"]

_TOXICITY = "AETOXGR"
EVENT_ID = "AESPID"
"""The default column that joins the lines of one adverse event."""


class Study:
    """A folder of SDTM files, read subject by subject; close it, or use it in a ``with`` statement.

    Args:
        folder: the folder with dm, and optionally ds, ex, ae, lb and vs: ``.csv``, ``.json``, ``.ndjson`` or ``.xpt``
            files; the case of names is ignored.
        terms: the meanings of a sponsor's own words.
        event_id: the column that joins the lines of one adverse event.
        strict: whether to refuse the first row that breaks the standard.
        progress: called with the number of bytes of the files read so far.

    Raises:
        StudyUnusable: the study as a whole cannot be read.
        RowMalformed: a row breaks the standard, and the import is strict; or it is of another study, or not text.
    """

    def __init__(
        self,
        folder: Path,
        *,
        terms: Terms | None = None,
        event_id: str = EVENT_ID,
        strict: bool = False,
        progress: Progress = ignore_progress,
    ) -> None:
        self.terms = terms or Terms()
        self._event_id, self._strict = key_of(event_id), strict
        self._staging = Staging(folder, strict=strict, progress=progress)
        try:
            self.arms = planned_arms(self._staging)
            self._check_event_id()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the staged rows."""
        self._staging.__exit__()

    def _check_event_id(self) -> None:
        times = self._staging.columns.get(AE.code, ()).count(self._event_id)
        if times > 1:
            raise StudyUnusable(f"ae has column {self._event_id[:40]} {times} times: leave the one that joins lines")
        if not times and self._event_id != EVENT_ID:
            raise StudyUnusable(
                f"ae has no column {self._event_id[:40]}: name the one that joins the lines of an event"
            )

    @property
    def name(self) -> str:
        """The name of the study in its rows; empty if they have none."""
        return self._staging.study

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of rows of each file."""
        return {file.path.name: self._staging.counts[code] for code, file in self._staging.files.items()}

    @property
    def columns_without_field(self) -> Mapping[str, tuple[str, ...]]:
        """By file: the columns that are not read into any fact."""
        return {
            file.path.name: tuple(
                name for name in file.domain.without_field(self._staging.columns[code]) if name != self._event_id
            )
            for code, file in self._staging.files.items()
        }

    @property
    def absent(self) -> Sequence[str]:
        """One sentence for each missing file and column, with the information that is missing without it."""
        said = [
            f"There is no {domain.name}: unknown are {domain.unknown_without}"
            for domain in DOMAINS
            if domain.code not in self._staging.files
        ]
        for code, file in self._staging.files.items():
            for column, unknown in file.domain.absent(self._staging.columns[code]):
                said.append(f"{file.path.name} has no column {column}: unknown are {unknown}")
        return said

    def levels(self, protocol: TrialProtocol | None = None) -> Mapping[str, int]:
        """Map each arm, in capitals, to its dose level; with a protocol, by its doses if the arms have doses.

        Raises:
            StudyUnusable: the terms give a level to only some of the arms.
        """
        return levels_of(self.arms, self.terms, protocol)

    @property
    def has_toxicity_grades(self) -> bool:
        """Whether ae has a column of toxicity grades (AETOXGR)."""
        return _TOXICITY in self._staging.columns.get(AE.code, ())

    @property
    def _has_words_alone(self) -> bool:
        """Whether there is an ae, and none of its columns has toxicity grades."""
        return AE.code in self._staging.files and not self.has_toxicity_grades

    def protocol(self, *, zone: str | None = None, grading: Scale | None = None) -> TrialProtocol:
        """Derive a protocol from the arms. It has no criteria, no DLT rule and no design, because the files have none.

        Args:
            zone: the zone of the site.
            grading: the scale of AETOXGR. By default it is CTCAE 5.0, which the files do not say; and SDTM severity
                where ae has no such column, since its events have a severity in words alone.

        Raises:
            StudyUnusable: the study's name is not a valid code.
            ProtocolInvalid: the zone is unknown.
        """
        try:
            check_id("trial", self.name)
        except CodeInvalid as error:
            raise StudyUnusable(f"STUDYID names the trial, but {error}; or give a protocol with a code") from None
        return TrialProtocol(
            trial=self.name,
            title=f"{self.name}, imported from SDTM",
            version="SDTM",
            levels=dose_levels(self.arms, self.levels()),
            zone=zone,
            design=None,
            administrations=self._most_administrations(),
            tally_by=TallyBy.ASSIGNED,
            grading=grading or (SDTM_SEVERITY if self._has_words_alone else CTCAE_5_0),
            dlt=None,
            endpoints=EndpointRules(anchor=Anchor.INFUSION),
        )

    def _most_administrations(self) -> int | None:
        of_subject = groupby(self._staging.of_kind(EX), key=attrgetter("subject"))
        return max((len({row["EXSTDTC"][:10] for row in rows}) for _, rows in of_subject), default=None)

    def subjects(
        self, *, protocol: TrialProtocol, now: datetime, levels: Mapping[str, Label]
    ) -> Iterator[tuple[str, Sequence[RowRead]]]:
        """Yield each subject with their rows, in the order of the files.

        Args:
            protocol: the protocol, for its sites, its zone and its scale. A time without an offset is in the zone of
                the subject's site (SITEID); without a zone it stays without one.
            now: the present time; later dates are refused.
            levels: the dose level of each arm.

        Raises:
            RowMalformed: a row breaks the standard, and the import is strict.
        """
        setting = Setting(
            terms=self.terms,
            zone=None,
            now=now,
            strict=self._strict,
            event_id=self._event_id,
            grading=protocol.grading,
            sites=tuple(site.id for site in protocol.sites),
        )
        early = ended_early((list(rows) for _, rows in self._dispositions()), self.terms)
        for subject in self._staging.subjects():
            rows = self._staging.rows(subject)
            here = _at_site(setting, rows[0]["SITEID"], protocol)
            reads = read_subject(rows, here, levels=levels, ended_early=early)
            refused = next((read for read in reads if read.malformed), None) if self._strict else None
            if refused is not None:
                raise refused.row.malformed(refused.reason)
            yield subject, reads

    def _dispositions(self) -> Iterator[tuple[str, Iterator[Row]]]:
        return groupby(self._staging.of_kind(DS), key=attrgetter("subject"))

    def unfit(self) -> Iterator[RowRead]:
        """Yield the rows that belong to no subject, are duplicates, or cannot be read, each with the reason."""
        for row, why in self._staging.unfit():
            yield RowRead(row=row, reason=why, malformed=True)


def _at_site(setting: Setting, given: str, protocol: TrialProtocol) -> Setting:
    """Return the settings for a subject of a site; of the trial itself, if the protocol does not have the site."""
    site = given if given in setting.sites else None
    zone = protocol.zone_name(site)
    now = setting.now.astimezone(protocol.zone_at(site))
    return attrs.evolve(setting, site=site, zone=ZoneInfo(zone) if zone else None, now=now)
