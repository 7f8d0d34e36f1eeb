"""The report of a check of a protocol file."""

from collections.abc import Iterator, Sequence

from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.values.given.plural import how_many


def protocol_check_report(file: str, protocol: TrialProtocol | None, faults: Sequence[str]) -> Report:
    """Report whether a file holds a valid protocol, with every fault on a line of its own.

    Args:
        file: the name of the file.
        protocol: the protocol; None if the file is invalid.
        faults: the faults of an invalid file, each with its place.
    """
    title = f"{file}: {_title(protocol, faults)}"

    def blocks() -> Iterator[Block]:
        yield Lines([title, *(f"- {fault}" for fault in faults)])

    return Report(title=title, blocks=blocks, json=lambda: _json(file, protocol, faults))


def _title(protocol: TrialProtocol | None, faults: Sequence[str]) -> str:
    if protocol is None:
        return f"the protocol has {how_many(len(faults), 'fault')}"
    levels = how_many(len(protocol.levels), "dose level")
    return f"a valid protocol of trial {protocol.trial}, version {protocol.version}, with {levels}"


def _json(file: str, protocol: TrialProtocol | None, faults: Sequence[str]) -> dict[str, Json]:
    return {
        "file": file,
        "ok": protocol is not None,
        "trial": None if protocol is None else protocol.trial,
        "version": None if protocol is None else protocol.version,
        "faults": list(faults),
    }
