"""All values that the library returns, collected from a few trials, and their classes."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from pathlib import Path
from types import MethodType

import attrs
import msgspec
from catalogue import ROWS
from made_once import SimulatedLog
from sdtm_files import study, write
from site_desk import Site

from trialdomain import (
    CHECKS,
    STANDARD_ENDPOINTS,
    USUAL_ROLES,
    Attestation,
    ClinicalTime,
    DoseLevel,
    EndpointRules,
    FinalClosing,
    Grant,
    History,
    KeyKind,
    Limits,
    Role,
    SigningKey,
    ThreePlusThree,
    TreeSigner,
    Trials,
    TrialTree,
    User,
    VitalSign,
    characteristics,
    check_inclusion,
    decide,
    endpoint_rules,
    findings,
    import_sdtm,
    lab,
    nct06245746,
    parse_outcomes,
    paths,
    restore,
    situation_of,
    verify,
    vital_sign,
)
from trialdomain.aggregates.participant import Participant
from trialdomain.events.participant import Died
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.operating.characteristics import scenario
from trialdomain.operating.simulated import simulated
from trialdomain.protocol.endpoints.endpoint import Kind
from trialdomain.rules.counts import EMPTY
from trialdomain.signing.keys import signers
from trialdomain.simulate.trials import simulate
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.testing import Patient, given, history_of
from trialdomain.testing.conducted import compare_by_replay
from trialdomain.tree.note import parse_note

NOW = datetime(2028, 3, 2, 8, 30, tzinfo=UTC)
KEY = SigningKey.generate("site.example/signer")
SECOND = SigningKey.generate("sponsor.example/second", KeyKind.COSIGNER)


def answers_of(history: History) -> dict[str, object]:
    """Ask a history everything that it answers, on its last day."""
    on = history.last_day()
    subject = next(iter(history.casebook(on=on).cases)).subject
    one_of_each = {one.kind: one.id for one in STANDARD_ENDPOINTS}
    whole = {f"explained {kind.value}": history.explain(code, on=on) for kind, code in one_of_each.items()}
    of_one = {
        f"explained {kind.value} of one": history.explain(code, subject, on=on)
        for kind, code in one_of_each.items()
        if kind is not Kind.DOSE
    }
    return {
        "last day": on,
        "entries": list(history.entries()),
        "trail": list(history.trail()),
        "escalation": history.escalation(on=on),
        "DLT counts": history.dlt_counts(on=on),
        "reconciliation": history.reconciliation(on=on),
        "flow": history.flow(on=on),
        "safety": history.safety(on=on),
        "endpoints": history.endpoints(on=on),
        "review": history.review(on=on),
        "answers": history.answers(on=on),
        "decisions": list(history.decisions()),
        "findings": findings(history, now=NOW),
        "cases": list(history.casebook(on=on).cases),
        "diff": history.diff(history),
        **whole,
        **of_one,
    }


def everything(folder: Path, small: SimulatedLog) -> dict[str, object]:
    """Give whatever the library hands out, by what it is; what holds a log apart."""
    found: dict[str, object] = {f"fact {name}": row.example for name, row in ROWS.items()}
    found |= _values()
    with Trials.open(small.copied_to(folder / "simulated.db")) as trials:
        trial = trials.trial(small.trial)
        history = trial.history()
        found |= answers_of(history)
        found["diff"] = trial.history(known_at=history.position - 30).diff(history)
        found |= _of_the_tree(trial.tree, folder)
        found["stored"] = list(trial.tree.log.in_log_order(history.trial))
    with closing(SQLiteStore(folder / "simulated.db", readonly=True)) as store:
        found["notifications"] = list(store.select_notifications(1, 20))
    found |= _verified(folder / "simulated.db", folder)
    found |= _at_a_desk(folder)
    (folder / "sdtm").mkdir()
    found["imported"] = import_sdtm(write(folder / "sdtm", study()), folder / "imported.db")
    found["written"] = simulate(folder / "bulk.db", seed=1, participants=2, bulk=True)
    return found


def _values() -> dict[str, object]:
    outcomes = parse_outcomes("1NNT 1NP", levels=3)
    situation = situation_of(outcomes, levels=3)
    told, on = history_of("1NTX")
    return {
        "protocol": nct06245746(),
        "amended protocol": nct06245746(version="2", roles=(Grant(role=Role.MONITOR, use_cases=("export",)),)),
        "endpoint rules": endpoint_rules(),
        "default endpoint rules": EndpointRules(),
        "endpoints": STANDARD_ENDPOINTS,
        "roles": USUAL_ROLES,
        "checks": CHECKS,
        "limits": Limits(),
        "user": User(id="u1", name="N", role=Role.INVESTIGATOR, organization="Site"),
        "attestation": Attestation(criterion="E1", answer=True),
        "treated": outcomes,
        "situation": situation,
        "decision": decide(situation),
        "lab": lab("ANC", "0.4", "10^9/L", collected_at="2026-03-04"),
        "vital sign": vital_sign(VitalSign.TEMPERATURE, "38.4", "Cel", measured_at="2026-03-04T07:00+08:00"),
        "verifier key": KEY.verifier,
        "aggregate": given(Participant("S001"), Died(on=ClinicalTime("2026-03-02"))),
        "counts": EMPTY,
        **_of_a_design(),
        "final closing": FinalClosing(level=2, cause="decision"),
        "reconciliation of a log that others wrote": told.reconciliation(on=on),
        "outcome of a patient": [Patient().value(outcome) for outcome in ("S1", "S7", "S9")],
    }


def _of_a_design() -> dict[str, object]:
    """Give what is computed of a design without a trial."""
    every = paths(ThreePlusThree(), 2)
    asked = [every.asked(path) for path in islice(every, 2)]
    return {
        "paths": every,
        "a path": next(iter(every)),
        "characteristics": characteristics(ThreePlusThree(), true=["0.1", "0.3"], cap=12),
        "simulated": simulated(scenario(ThreePlusThree(), true=["0.1"]), trials=2, sample=1),
        "compared": compare_by_replay(
            [attrs.evolve(asked[0], decision=asked[1].decision)],
            protocol=attrs.evolve(nct06245746(), levels=(DoseLevel(level=1), DoseLevel(level=2))),
        ),
    }


def _of_the_tree(tree: TrialTree, folder: Path) -> dict[str, object]:
    """Sign the head twice, keep it with the log, and prove an entry."""
    request = tree.request()
    note = TreeSigner(KEY, folder / "signed").sign(request)
    seen = TreeSigner(SECOND, folder / "seen", trusted=[KEY.verifier]).sign(tree.request(note=note))
    keys = [KEY.verifier, SECOND.verifier]
    kept = tree.keep(seen, keys)
    proof = tree.inclusion(3, seen)
    line = BytesIO()
    write_jsonl(tree.log, tree.trial, line)
    shown = check_inclusion(line.getvalue().splitlines(keepends=True)[2], str(proof).encode(), keys)
    return {
        "request": request,
        "note": seen,
        "read note": parse_note(str(seen).encode()),
        "kept": kept,
        "signed": signers(seen, keys),
        "head": tree.head(),
        "proof": proof,
        "shown": shown,
    }


def _verified(log: Path, folder: Path) -> dict[str, object]:
    """Verify a log with its checkpoint, an export, what was restored, and a log that was altered."""
    exported, altered = folder / "log.jsonl", folder / "altered.db"
    with closing(SQLiteStore(log, readonly=True)) as recorder, exported.open("wb") as file:
        (trial,) = recorder.trials()
        write_jsonl(recorder, trial, file)
    restored = restore(exported, altered)
    with closing(sqlite3.connect(altered)) as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET state = x'7b7d' WHERE position > 20")
        connection.commit()
    keys = [KEY.verifier, SECOND.verifier]
    return {
        "verified": verify(log, keys=keys),
        "verified export": verify(exported),
        "restored": restored,
        "defects": verify(altered),
    }


def _at_a_desk(folder: Path) -> dict[str, object]:
    """Record what a simulation has not: a bundle, an entry of a caller, a refusal of access."""
    site = Site(address=f"sqlite:///{folder / 'desk.db'}")
    site.treat("S001", "S002", "S003")
    event = site.on(5).toxicity("S002")
    site.on(29).assess("S001", "S003")
    corrected = site.desk.correct(event, reason="transcription: source document 12", grade=2)
    monitor = User(id="monitor", name="Monitor", role=Role.MONITOR, organization="Sponsor")
    signer = TreeSigner(KEY, folder / "bundle.signed")
    manifest = site.trial.acting(monitor).export(folder / "bundle", why="inspection 12", signer=signer)
    found = {f"{name} at a desk": answer for name, answer in answers_of(site.trial.history()).items()} | {
        "entry": event,
        "entries of a command": corrected,
        "manifest": manifest,
        "verified bundle": verify(folder / "bundle", keys=[KEY.verifier]),
    }
    site.trials.close()
    return found


def parts_of(value: object) -> Iterator[tuple[str, object]]:
    """Yield what a value consists of, by name: its members, or its fields, whatever its class takes for equal."""
    if isinstance(value, Mapping):
        for number, (key, one) in enumerate(value.items()):
            yield f"key {number}", key
            yield f"[{key!r}]", one
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from ((f"[{number}]", one) for number, one in enumerate(value))
    elif isinstance(value, AbstractSet):
        yield from ((f"member {number}", one) for number, one in enumerate(sorted(value, key=repr)))
    elif isinstance(value, MethodType):
        yield from (("method", value.__name__), ("self", value.__self__))
    elif isinstance(value, BaseException):
        yield from (("text", str(value)), ("attributes", vars(value)))
    elif not isinstance(value, type):
        yield from ((name, getattr(value, name)) for name in _fields_of(type(value)))


def _fields_of(kind: type) -> Iterable[str]:
    if attrs.has(kind):
        return [one.name for one in attrs.fields(kind)]
    if is_dataclass(kind):
        return [one.name for one in fields(kind)]
    return kind.__struct_fields__ if issubclass(kind, msgspec.Struct) else ()


def classes_in(values: object) -> set[type]:
    """Give every class of which an instance is in some values."""
    met: set[type] = set()
    waiting, seen = [values], set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        met.add(type(value))
        waiting += [part for _, part in parts_of(value)]
    return met


def assert_same(before: object, after: object, where: str) -> None:
    """Compare two values part by part, also those of classes that compare by identity."""
    waiting, seen = [(before, after, where)], set[tuple[int, int]]()
    while waiting:
        one, other, name = waiting.pop()
        if (id(one), id(other)) in seen:
            continue
        seen.add((id(one), id(other)))
        assert type(other) is type(one), name
        parts, others = list(parts_of(one)), list(parts_of(other))
        assert [part for part, _ in others] == [part for part, _ in parts], name
        if not parts:
            assert other == one, name
        waiting += [(mine, its, f"{name}.{part}") for (part, mine), (_, its) in zip(parts, others, strict=True)]
    assert after == before or _by_identity(before), where
    assert after != before or _hash(after) == _hash(before), where


def _by_identity(value: object) -> bool:
    """Say whether a class in a value compares by identity, so that no copy is equal: then the parts alone are."""
    return any(kind is MethodType or not _has_equality(kind) for kind in classes_in(value))


def _has_equality(kind: type) -> bool:
    return any("__eq__" in vars(one) for one in kind.__mro__ if one is not object)


def _hash(value: object) -> int | None:
    try:
        return hash(value)
    except TypeError:
        return None
