"""Corrections in words: read from a story, applied to an entry, and written from the two facts that a log holds.

A field has the keyword of its verb; lists are changed member by member; and a field that has no word is told as it is
stored, so that every correction that a log can hold can be told.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from trialdomain.events.recorded import Entry, Fact
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.codec import decode, encode
from trialdomain.stories.answers import (
    read_value_of_attestation,
    read_value_of_finding,
    write_attestation,
    write_finding,
)
from trialdomain.stories.faults import ALMOST_EQUAL, instead, shown
from trialdomain.stories.story import Amending, Correction, Edit, Reference, Stored
from trialdomain.stories.tokens import Reader, bare_or_quoted, quoted
from trialdomain.stories.values import (
    SERIOUS,
    TEXT,
    WHEN,
    ValueKind,
    read_agent,
    read_assessor,
    read_judgement,
    reads_attribution,
    serious_of,
    write_assessor,
    write_judgement,
)
from trialdomain.stories.vocabulary import BY_KIND, NOUNS, Slot, Verb, is_of_participant
from trialdomain.values.clinical.screening import Attestation, Finding
from trialdomain.values.clinical.toxicity import Attribution
from trialdomain.values.given.text import folded

_LISTS = ("attributions", "findings", "attestations")
"""The fields that are changed member by member."""


def key_of(one: Attribution | Finding | Attestation) -> Hashable:
    """Return what tells the members of a list apart: what a new one takes the place of."""
    match one:
        case Attribution():
            return one.agent, one.assessor
        case Finding():
            return folded(one.name)
        case Attestation():
            return folded(one.criterion)


def replaced(before: Sequence[Any], said: Sequence[Any], without: Sequence[Hashable] = ()) -> tuple[Any, ...]:
    """Put new members of a list in the place of those with the same key, leave some out, and append the others."""
    own = {key_of(one): one for one in said}
    kept = [own.pop(key_of(one), one) for one in before if key_of(one) not in without]
    return (*kept, *own.values())


def read_reference(reader: Reader) -> Reference:
    """Read which entry is meant: ``E1 of S002``, ``lab 2 of S001``, ``decision 3``.

    Raises:
        StoryMalformed: there is no such kind of entry, or the subject is missing.
    """
    token = reader.take("the entry: the id of an event, or a kind such as 'lab 2'")
    if token.is_word("event") and reader.next is not None and not reader.next.mark and not reader.has("of"):
        one = reader.next
        if not one.text.isdecimal():  # 'event E1 of S002' is E1 of S002
            token = reader.take("the id of the event")
    noun, number, following = token.text.casefold(), None, reader.next
    if following is not None and following.text.isascii() and following.text.isdecimal() and noun in NOUNS:
        number = int(reader.take("its number").text)
    subject = reader.take("the subject").text if reader.skip("of") else None
    if noun in NOUNS and not (noun == "event" and number is None):
        if subject is None and is_of_participant(NOUNS[noun]):
            raise reader.fault(f"{noun!r} of whom? write 'of' and the subject")
        return Reference(noun=noun, number=number, subject=subject, column=token.column)
    if subject is None:
        hint = instead(token.text, NOUNS)
        if hint.startswith("did you mean") and noun not in NOUNS:
            raise reader.fault(f"{shown(token.text)} is no kind of entry: {hint}", token=token)
        event, other = "an event by its id, such as 'E1 of S002'", "another entry by its kind, such as 'lab 2 of S002'"
        raise reader.fault(f"{shown(token.text)} of whom? write {event}, and {other}", token=token)
    return Reference(noun="event", event=token.text, subject=subject, column=token.column)


def read_because(reader: Reader) -> str:
    """Read the reason of a correction or a void.

    Raises:
        StoryMalformed: there is none.
    """
    reader.skip_mark(",")
    if not reader.skip("because"):
        raise reader.fault("the reason is missing: write because and the reason in quotation marks")
    reason: str = TEXT.read(reader, "the reason")
    return reason


def read_correction(reader: Reader) -> Correction:
    """Read a correction: ``E1 of S002 grade to 2, infusion to unlikely because "..."``.

    Raises:
        StoryMalformed: it changes what such an entry does not have, or to what it cannot be.
    """
    entry = read_reference(reader)
    kind = NOUNS[entry.noun]
    changes, edits, amending = dict[str, Any](), list[Edit](), None
    while not reader.has("because"):
        reader.skip_mark(",")
        if reader.has("because"):
            break
        edit = _edit(reader, kind)
        if edit is not None:
            edits.append(edit)
        elif _has(kind, "protocol") and reader.skip("protocol"):
            amending = Amending()
        else:
            field, value = _change(reader, entry, kind)
            changes[field] = value
        if reader.next is None:
            break
    return Correction(
        entry=entry, kind=kind, changes=changes, edits=tuple(edits), amending=amending, because=read_because(reader)
    )


def _has(kind: type[Fact], field: str) -> bool:
    return field in attrs.fields_dict(kind)


def _to(reader: Reader) -> None:
    if not reader.skip("to"):
        raise reader.fault("write 'to' and the new value")


def _edit(reader: Reader, kind: type[Fact]) -> Edit | None:
    """Read the change of one member of a list, or that nothing of it is left."""
    for field in _LISTS:
        if _has(kind, field) and reader.skip(field):
            _to(reader)
            if not reader.skip("nothing"):
                raise reader.fault(f"write '{field} to nothing', and then each of them")
            return Edit(field=field)
    if _has(kind, "attributions") and reads_attribution(reader):
        agent = read_agent(reader)
        _to(reader)
        if reader.skip("nothing"):
            return Edit(field="attributions", key=(agent, read_assessor(reader)))
        judged = read_judgement(reader, agent)
        return Edit(field="attributions", key=key_of(judged), value=judged)
    if _has(kind, "findings") and reader.skip("finding"):
        name = reader.take("the name of the finding")
        _to(reader)
        value = None if reader.skip("nothing") else read_value_of_finding(reader, name)
        return Edit(field="findings", key=folded(name.text), value=value)
    if _has(kind, "attestations") and reader.skip("attested"):
        criterion = reader.take("the id of the criterion")
        _to(reader)
        given = None if reader.skip("nothing") else read_value_of_attestation(reader, criterion)
        return Edit(field="attestations", key=folded(criterion.text), value=given)
    return None


def _change(reader: Reader, entry: Reference, kind: type[Fact]) -> tuple[str, Any]:
    """Read one changed field and its new value."""
    verb = BY_KIND.get(kind)
    if reader.skip("field"):
        return _stored(reader, entry.noun, kind)
    for words, field, value in sorted(_fields(verb), key=lambda one: -len(one[0])):
        if reader.skip(*words):
            _to(reader)
            left_out = value is not SERIOUS and reader.skip("nothing")
            return field, None if left_out else value.read(reader, f"the new {' '.join(words)}")
    token = reader.take("what to correct")
    names = [" ".join(words) for words, *_ in _fields(verb)] + list(_members(kind))
    why = f"an entry of {entry.noun!r} has no {shown(token.text)}: {instead(token.text, [*names, 'field'])}"
    meant = "" if entry.event is None else instead(entry.event, NOUNS, cutoff=ALMOST_EQUAL)
    if meant.startswith("did you mean"):
        why = f"an event {shown(entry.event or '')} has no {shown(token.text)}: {meant}"
    raise reader.fault(why, token=token)


def _fields(verb: Verb | None) -> Iterator[tuple[tuple[str, ...], str, ValueKind]]:
    """Yield the words of each field that a correction changes: its keyword, or ``on`` for when it happened."""
    if verb is None:
        return
    yield from ((_words(slot), slot.field, slot.kind) for slot in verb.slots)
    if verb.happened is not None:
        yield ("on",), verb.happened, WHEN


def _words(slot: Slot) -> tuple[str, ...]:
    """Return the words of a field; ``because`` comes before the reason of the correction itself."""
    return ("reason",) if slot.keyword == ("because",) else slot.keyword


def _members(kind: type[Fact]) -> Iterator[str]:
    """Yield the words of the lists that an entry has, and of its protocol."""
    if _has(kind, "attributions"):
        yield from ("infusion", "chemotherapy", "disease", "attributions")
    if _has(kind, "findings"):
        yield from ("finding", "findings", "attested", "attestations")
    if _has(kind, "protocol"):
        yield "protocol"


def _stored(reader: Reader, noun: str, kind: type[Fact]) -> tuple[str, Stored]:
    """Read a field that has no word, with its value as a log stores it."""
    token = reader.take("the name of the field")
    names = list(attrs.fields_dict(kind))
    if token.text not in names:
        raise reader.fault(
            f"an entry of {noun!r} has no field {shown(token.text)}: {instead(token.text, names)}", token=token
        )
    _to(reader)
    value = reader.take("its value as the log stores it, in quotation marks")
    try:
        json.loads(value.text)
    except ValueError:
        raise reader.fault("write the value as the log stores it (JSON), in quotation marks", token=value) from None
    return token.text, Stored(value.text)


def changes_of(entry: Entry, correction: Correction) -> dict[str, Any]:
    """Return the changed fields of an entry with their new values, as a desk takes them; but for a protocol.

    Raises:
        StateMalformed: no such entry can have the stored value of a field.
    """
    stored = {field: value.text for field, value in correction.changes.items() if isinstance(value, Stored)}
    changes = _values_of(entry, stored) if stored else {}
    for field, value in correction.changes.items():
        if field in stored:
            continue
        if field == "seriousness":
            changes |= {"serious": value.known, "seriousness": value.criteria}
        else:
            several = isinstance(getattr(entry.fact, field), tuple)
            changes[field] = () if value is None and several else value
    for edit in correction.edits:
        before = changes.get(edit.field, getattr(entry.fact, edit.field))
        changes[edit.field] = _edited(before, edit)
    return changes


def _edited(before: Sequence[Any], edit: Edit) -> tuple[Any, ...]:
    if edit.key is None:
        return ()
    if edit.value is None:
        return replaced(before, (), [edit.key])
    return replaced(before, [edit.value])


def protocol_of(entry: Entry) -> TrialProtocol | None:
    """Return the protocol that an entry brings; None for any other entry."""
    return entry.fact.protocol if isinstance(entry.fact, TrialRegistered | ProtocolAmended) else None


def _state_of(entry: Entry) -> tuple[str, dict[str, Any]]:
    name, state = encode(entry.fact, entry.envelope)
    return name, json.loads(state)


def _values_of(entry: Entry, stored: Mapping[str, str]) -> dict[str, Any]:
    """Read fields as a log stores them, all at once: one may not fit the fact without the other."""
    name, state = _state_of(entry)
    state["fact"] |= {field: json.loads(text) for field, text in stored.items()}
    fact, _ = decode(name, json.dumps(state).encode())
    return {field: getattr(fact, field) for field in stored}


def write_changes(before: Entry, after: Entry) -> Iterator[str]:
    """Write how the fact of a correction differs from the one before, but for a protocol."""
    verb, old, new = BY_KIND.get(type(after.fact)), before.fact, after.fact
    known = {field: (words, kind) for words, field, kind in _fields(verb)}
    fields = [one.name for one in attrs.fields(type(new)) if getattr(old, one.name) != getattr(new, one.name)]
    if "serious" in fields and "seriousness" not in fields:
        fields.append("seriousness")
    for field in fields:
        if field in _LISTS:
            yield from _list_changes(field, getattr(old, field), getattr(new, field))
        elif field == "seriousness":
            yield f"serious to {SERIOUS.write(serious_of(new))}"
        elif field in known:
            words, kind = known[field]
            value = getattr(new, field)
            yield f"{' '.join(words)} to {'nothing' if value in (None, ()) else _written(kind.write(value))}"
        elif field not in {"serious", "protocol"}:
            _, state = _state_of(after)
            yield f"field {field} to {quoted(json.dumps(state['fact'][field], ensure_ascii=False))}"


def _written(text: str) -> str:
    return quoted(text) if text == "nothing" else text


def _list_changes(field: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    """Write the changes of a list: of its members, if that gives their order too; otherwise all of it anew."""
    olds, news = {key_of(one): one for one in old}, {key_of(one): one for one in new}
    gone = [key for key in olds if key not in news]
    said = [one for key, one in news.items() if olds.get(key) != one]
    if replaced(old, said, gone) == tuple(new):
        yield from (_WITHOUT[field](olds[key]) for key in gone)
        yield from map(_MEMBER[field], said)
    else:
        yield f"{field} to nothing"
        yield from map(_MEMBER[field], new)


_MEMBER: Mapping[str, Callable[[Any], str]] = {
    "attributions": lambda one: f"{one.agent.value} to {write_judgement(one)}",
    "findings": lambda one: write_finding(one, to="to "),
    "attestations": lambda one: write_attestation(one, to="to "),
}
_WITHOUT: Mapping[str, Callable[[Any], str]] = {
    "attributions": lambda one: f"{one.agent.value} to nothing{write_assessor(one.assessor)}",
    "findings": lambda one: f"finding {bare_or_quoted(one.name)} to nothing",
    "attestations": lambda one: f"attested {bare_or_quoted(one.criterion)} to nothing",
}
