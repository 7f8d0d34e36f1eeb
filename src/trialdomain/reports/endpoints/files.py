"""CSV files of the endpoints for R and SAS: values by participant, summaries, and a data dictionary.

Names are short, lower case and stable. Dates are ISO 8601. Yes and no are 1 and 0. Cells that do not apply are empty.
"""

import csv
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from trialdomain.errors import InputInvalid
from trialdomain.projections.endpoints.treatment import product_name, units_name
from trialdomain.projections.endpoints.value import Flag, Status, Value
from trialdomain.protocol.endpoints.endpoint import Kind
from trialdomain.protocol.endpoints.families import (
    AntiInfectiveRate,
    MaximumToleratedDose,
    SafetyIncidence,
    TransfusionRate,
)
from trialdomain.reports.endpoints.statistics import Spread
from trialdomain.reports.endpoints.summaries import (
    Counted,
    DoseSummary,
    DurationSummary,
    Endpoints,
    IncidenceSummary,
    Share,
    Summary,
    TimeSummary,
)
from trialdomain.values.clinical.treatment import BloodProduct

PARTICIPANTS, SUMMARIES, DICTIONARY = "participants.csv", "summaries.csv", "dictionary.csv"
_Cell = str | int | float | Decimal | date | None
_Row = dict[str, _Cell]
_STATUSES = "; ".join(status.value for status in Status)
_FLAGS = "; ".join(flag.value for flag in Flag)

_Columns = dict[str, tuple[str, str, str]]
"""The type, the values and the meaning of each column, by its name."""
_ALWAYS = (BloodProduct.RED_CELLS, BloodProduct.PLATELETS)
"""Products that have columns in every file, so that programs can rely on them."""


def _common(endpoints: Endpoints) -> _Columns:
    named = "; ".join(f"{code} {one.endpoint.title}" for code, one in endpoints.summaries.items())
    return {
        "trial": ("text", "", "the trial's code"),
        "known_at": ("integer", "", "the last position of the log that was read"),
        "cut_off": ("date", "ISO 8601", "the day for which windows were judged"),
        "endpoint": ("text", named, "the endpoint's code in the protocol"),
        "kind": ("text", "; ".join(kind.value for kind in Kind), "the kind of endpoint"),
    }


def _codes(endpoints: Endpoints, family: type[object]) -> str:
    """Return the codes of the endpoints of a family, for the meaning of a column."""
    return " ".join(code for code, one in endpoints.summaries.items() if isinstance(one.endpoint, family)) or "none"


def _products(endpoints: Endpoints) -> list[BloodProduct]:
    asked = [one.endpoint for one in endpoints.summaries.values() if isinstance(one.endpoint, TransfusionRate)]
    return list(dict.fromkeys((*_ALWAYS, *(product for endpoint in asked for product in endpoint.products))))


def _of_participants(endpoints: Endpoints) -> _Columns:
    agents = _codes(endpoints, AntiInfectiveRate)
    safety, products = _codes(endpoints, SafetyIncidence), _products(endpoints)
    return {
        **_common(endpoints),
        "subject": ("text", "", "the participant's code"),
        "level": (
            "integer",
            "",
            "the dose level received; empty without an infusion, or with an amount of no level",
        ),
        "status": ("text", _STATUSES, "whether there is a value, and if not, why"),
        "value": ("number", "1 yes; 0 no; or days", "incidence: whether it happened; duration and time: days"),
        "because": ("text", "", "why there is no value: what ended the observation, or what was missing"),
        "days": ("integer", "days", "time: elapsed days from day 0 to recovery, to death, or to censoring"),
        "event": ("integer", "0 censored; 1 recovered; 2 died", "time: how it ended, as survival functions take it"),
        "on_date": ("date", "ISO 8601", "when it happened: onset, recovery, death or censoring"),
        "first_date": ("date", "ISO 8601", "day 0 of the observation"),
        "last_date": ("date", "ISO 8601", "its last day"),
        "ended_by": ("text", "", "why the observation ended"),
        "flags": ("text", _FLAGS, "remarks about the value; separated by blanks"),
        "longest_days": ("integer", "days", "duration and time: the longest episode"),
        "days_from_onset": ("integer", "days", "time: elapsed days from the first severe value to recovery"),
        "severe_date": ("date", "ISO 8601", "time: the first severe value"),
        **{
            product_name(one): (
                "integer",
                "1 yes; 0 no",
                f"{_counting(endpoints, one)}: whether there was any {_product_text(one)}",
            )
            for one in products
        },
        **{
            units_name(one): ("number", "units", f"{_counting(endpoints, one)}: {_product_text(one)}")
            for one in products
        },
        "treatment": ("integer", "1 yes; 0 no", f"{agents}: whether any agent was given as treatment"),
        **{
            f"{when}_{name}": (kind, values, f"{safety}: {meaning} within the {which} of its safety_days")
            for when, which in (("early", "first"), ("late", "last"))
            for name, kind, values, meaning in (
                ("any", "integer", "1 yes; 0 no", "whether there was an adverse event"),
                (
                    "serious",
                    "integer",
                    "1 yes; 0 no; empty if it is not recorded",
                    "whether there was a serious adverse event",
                ),
                ("events", "integer", "", "the number of adverse events"),
                ("serious_events", "integer", "", "the number of serious adverse events"),
                ("completed", "integer", "1 yes; 0 no", "whether the observation lasted to the end"),
            )
        },
        "examined": ("integer", "", "the number of entries that were examined"),
        "evidence": ("text", "", "the positions of the entries that the value rests on; separated by blanks"),
    }


def _counting(endpoints: Endpoints, product: BloodProduct) -> str:
    """Return the codes of the endpoints that count a product."""
    found = [(code, one.endpoint) for code, one in endpoints.summaries.items()]
    asked = [code for code, one in found if isinstance(one, TransfusionRate) and product in one.products]
    return " ".join(asked) or "none"


def _product_text(product: BloodProduct) -> str:
    return product.value.replace("-", " ")


_WITHOUT_VALUE = (Status.END_UNKNOWN, Status.NOT_AT_RISK, Status.PREVALENT, Status.NOT_OBSERVED, Status.OUTSIDE)
"""The statuses without a value that have a column of their own."""


def _of_summaries(endpoints: Endpoints) -> _Columns:
    mtd = _codes(endpoints, MaximumToleratedDose)
    return {
        **_common(endpoints),
        "group": ("text", "level; unassigned; overall", "the participants that the row summarizes"),
        "level": ("integer", "", "for the group level: the dose level received"),
        "part": (
            "text",
            "",
            "for an endpoint with several numbers: the name of the part; empty for the endpoint itself",
        ),
        "n": ("integer", "", "incidence: participants with the event; duration: participants with an episode"),
        "of": ("integer", "", "the number of participants counted"),
        "fraction": ("number", "0 to 1", "n/of"),
        "lower": ("number", "0 to 1", "exact 95 % interval (Clopper-Pearson); empty without SciPy"),
        "upper": ("number", "0 to 1", "the upper bound of the same interval"),
        "median": ("number", "days", "the median of the observed values"),
        "least": ("integer", "days", "the shortest observed value"),
        "most": ("integer", "days", "the longest observed value"),
        "mean": ("number", "days", "the mean of the observed values"),
        "mean_over_all": ("number", "days", "duration: the mean, with 0 for participants without an episode"),
        "ongoing": ("integer", "", "duration: participants whose episode was ongoing at the end"),
        "at_risk": ("integer", "", "time: participants who were ever below the threshold"),
        "recovered": ("integer", "", "time: participants who recovered"),
        "died": ("integer", "", "time: participants who died before recovery"),
        "censored": ("integer", "", "time: participants who were last seen without recovery"),
        "estimator": ("text", "Aalen-Johansen; Kaplan-Meier", "time: how the median is estimated"),
        "estimated_median": ("integer", "days", "time: the first day by which at least half have recovered"),
        "median_reached": ("integer", "1 yes; 0 no", "time: whether the estimated median was reached"),
        "by_window": ("number", "0 to 1", "time: the estimated probability of recovery by the last day of the window"),
        "total": ("number", "", "for a part that is a sum: units, events, or participants who completed a period"),
        "mtd_level": ("integer", "", f"{mtd}: the maximum tolerated dose"),
        "mtd_status": ("text", "", f"{mtd}: open, established, none-tolerated or not-established"),
        **{
            status.value.replace("-", "_"): (
                "integer",
                "",
                f"the number of participants with the status {status.value}",
            )
            for status in _WITHOUT_VALUE
        },
        "ended_early": ("integer", "", "participants whose observation ended before the window did"),
    }


def write_endpoints(endpoints: Endpoints, folder: Path, *, trial: str, known_at: int, on: date) -> Mapping[str, int]:
    """Write the three CSV files into a new folder, all or none: write into a subfolder, then rename.

    Returns:
        The number of rows of each file, by file name.

    Raises:
        InputInvalid: the folder exists and is not empty, or cannot be written.
    """
    of_participants, of_summaries = _of_participants(endpoints), _of_summaries(endpoints)
    common: _Row = {"trial": trial, "known_at": known_at, "cut_off": on}
    files: dict[str, tuple[Sequence[str], list[_Row]]] = {
        PARTICIPANTS: (list(of_participants), [common | row for row in _participants(endpoints)]),
        SUMMARIES: (list(of_summaries), [common | row for row in _summaries(endpoints)]),
        DICTIONARY: (("file", "column", "type", "values", "meaning"), list(_dictionary(of_participants, of_summaries))),
    }
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputInvalid(f"{folder} exists already: name a new folder, or an empty one")
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / ".part"
        part.mkdir()
        try:
            for name, (columns, rows) in files.items():
                _write(part / name, columns, rows)
            _move(files, part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise InputInvalid(
            f"{folder} cannot be written: {error.strerror}: name another folder, or make this one writable"
        ) from None
    return {name: len(rows) for name, (_, rows) in files.items()}


def _move(names: Iterable[str], part: Path, folder: Path) -> None:
    """Move the files into the folder; take them out again if one of them cannot be moved."""
    moved: list[Path] = []
    try:
        for name in names:
            (part / name).rename(folder / name)
            moved.append(folder / name)
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


def _write(path: Path, columns: Sequence[str], rows: Iterable[_Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(cell) for name, cell in row.items()} for row in rows)


def _text(cell: _Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return str(int(cell))
        case float():
            return f"{cell:.6f}".rstrip("0").rstrip(".")
        case date():
            return cell.isoformat()
        case _:
            return str(cell)


_EVENTS = {Status.CENSORED: 0, Status.OBSERVED: 1, Status.DIED: 2}


def _participants(endpoints: Endpoints) -> Iterator[_Row]:
    products = _products(endpoints)
    for code, summary in endpoints.summaries.items():
        kind = summary.endpoint.kind
        for value in endpoints.values(code):
            yield {
                "endpoint": code,
                "kind": kind.value,
                "subject": value.subject,
                "level": value.level,
                "status": value.status.value,
                "value": value.value,
                "because": value.because,
                "days": value.days,
                "event": _EVENTS.get(value.status) if kind is Kind.TIME else None,
                "on_date": value.on,
                "first_date": value.first,
                "last_date": value.last,
                "ended_by": value.ended_by,
                "flags": " ".join(flag.value for flag in value.flags),
                "longest_days": _cell(value, "longest"),
                "days_from_onset": _cell(value, "from_onset"),
                "severe_date": _cell(value, "severe_on"),
                **{name(one): _cell(value, name(one)) for one in products for name in (product_name, units_name)},
                "treatment": _cell(value, "treatment"),
                **_periods(value),
                "examined": value.examined,
                "evidence": " ".join(map(str, value.evidence)),
            }


def _periods(value: Value) -> _Row:
    """Return the columns of the first and the last safety period."""
    found = [
        detail for name, detail in value.details.items() if name.startswith("days_") and isinstance(detail, Mapping)
    ]
    if not found:
        return {}
    periods = (("early", found[0]), ("late", found[-1]))
    return {
        f"{when}_{name}": one for when, detail in periods for name, one in detail.items() if isinstance(one, bool | int)
    }


def _cell(value: Value, name: str) -> _Cell:
    detail = value.details.get(name)
    return detail if isinstance(detail, bool | int | Decimal | str | date) else None


def _summaries(endpoints: Endpoints) -> Iterator[_Row]:
    for code, found in endpoints.summaries.items():
        for group, level, summary in found.groups():
            group_cells: _Row = {
                "endpoint": code,
                "kind": found.endpoint.kind.value,
                "group": group,
                "level": level,
            }
            yield from (group_cells | row for row in _summary(summary))


def _summary(summary: Summary) -> Iterator[_Row]:
    match summary:
        case IncidenceSummary():
            yield _share(summary.share) | _counted(summary.counted)
            for name, share in summary.parts.items():
                yield {"part": name, **_share(share)}
            for name, total in summary.totals.items():
                yield {"part": name, "total": total}
        case DurationSummary():
            number: _Row = {"n": summary.spread.number, "of": summary.of, "ongoing": summary.ongoing}
            mean: _Row = {"mean_over_all": summary.mean_over_all}
            yield number | _spread(summary.spread) | mean | _counted(summary.counted)
        case TimeSummary():
            estimate: _Row = {
                "at_risk": summary.at_risk,
                "recovered": summary.recovered,
                "died": summary.died,
                "censored": summary.censored,
                "estimator": summary.estimator,
                "estimated_median": summary.curve.median,
                "median_reached": int(summary.curve.median is not None),
                "by_window": summary.at_window,
            }
            yield estimate | _spread(summary.spread) | _counted(summary.counted)
            yield {"part": "from_onset", **_spread(summary.from_onset)}
        case DoseSummary():
            yield from _dose(summary)


def _dose(summary: DoseSummary) -> Iterator[_Row]:
    if summary.mtd is not None:
        yield {"mtd_level": summary.mtd.level, "mtd_status": summary.mtd.status.value}
        return
    for tally in summary.tallies:
        yield {"part": "dlt", "n": tally.dlts, "of": tally.evaluable}


def _share(share: Share) -> _Row:
    interval = share.interval
    return {
        "n": share.n,
        "of": share.of,
        "fraction": share.fraction,
        "lower": None if interval is None else interval.lower,
        "upper": None if interval is None else interval.upper,
    }


def _spread(spread: Spread) -> _Row:
    return {"median": spread.median, "least": spread.least, "most": spread.most, "mean": spread.mean}


def _counted(counted: Counted) -> _Row:
    numbers: _Row = {status.value.replace("-", "_"): counted.statuses.get(status, 0) for status in _WITHOUT_VALUE}
    return numbers | {"ended_early": counted.ended_early}


def _dictionary(of_participants: _Columns, of_summaries: _Columns) -> Iterator[_Row]:
    for file, columns in ((PARTICIPANTS, of_participants), (SUMMARIES, of_summaries)):
        for name, (kind, values, meaning) in columns.items():
            yield {"file": file, "column": name, "type": kind, "values": values, "meaning": meaning}
