"""Forged entries with a leaf that fits, each with a place or a content that no entry of a trial has."""

import json

from site_desk import OPEN
from tampering import state_of

TRIAL = OPEN.trial
CONSENTED = {"form_version": "1", "protocol_version": OPEN.version, "signed_on": "2026-03-02", "signer": "participant"}
DEEP = b'{"fact":' + b"[" * 200_000 + b"]" * 200_000 + b',"meta":{}}'


def consented(**changes: object) -> bytes:
    return state_of(CONSENTED | changes, command="forged")


def with_meta(**changes: object) -> bytes:
    state = json.loads(state_of(CONSENTED, command="forged"))
    state["meta"] |= changes
    return json.dumps(state, separators=(",", ":"), sort_keys=True).encode()


PERSON, CONSENT = f"{TRIAL}/participant/S777", "participant.consented.v1"
PLANTED: dict[str, tuple[str, str, bytes]] = {
    "a stream under another word": (f"{TRIAL}/other/x", CONSENT, consented()),
    "a stream of another alphabet": (f"{TRIAL}/participant/\u0405001", CONSENT, consented()),
    "a stream with a space that nobody sees": (f"{TRIAL}/participant/S001\u200b", CONSENT, consented()),
    "a stream with an escape and a newline": (f"{TRIAL}/participant/\x1b[2J\n", CONSENT, consented()),
    "a stream of nobody": (f"{TRIAL}/participant/", CONSENT, consented()),
    "a cohort in full width": (f"{TRIAL}/cohort/\uff11", "cohort.opened.v1", consented()),
    "a cohort with a leading zero": (f"{TRIAL}/cohort/01", "cohort.opened.v1", consented()),
    "a stream below a participant": (f"{TRIAL}/participant/S001/x", CONSENT, consented()),
    "a stream in other letters": (f"{TRIAL}/Participant/S001", CONSENT, consented()),
    "a stream that is too long": (f"{TRIAL}/participant/{'S' * 65}", CONSENT, consented()),
    "a stored name that nobody knows": (PERSON, "participant.abducted.v1", consented()),
    "a version of a name that nobody knows": (PERSON, "participant.consented.v9", consented()),
    "a stored name in other letters": (PERSON, "Participant.consented.v1", consented()),
    "a participant's fact in the trial's stream": (TRIAL, CONSENT, consented()),
    "a trial's fact in a participant's stream": (PERSON, "trial.closed.v1", consented()),
    "a refusal in a cohort's stream": (f"{TRIAL}/cohort/1", "access.refused.v1", consented()),
    "a participant's fact among the refusals": (f"{TRIAL}/access", CONSENT, consented()),
    "part 3 of 2": (PERSON, CONSENT, state_of(CONSENTED, command="forged", part=3, parts=2)),
    "part 0 of 0": (PERSON, CONSENT, state_of(CONSENTED, command="forged", part=0, parts=0)),
    "a part beyond its position": (PERSON, CONSENT, state_of(CONSENTED, command="forged", part=900, parts=900)),
    "a part that is a word": (PERSON, CONSENT, with_meta(part="1")),
    "a part of a fraction": (PERSON, CONSENT, with_meta(part=1.5)),
    "no part": (PERSON, CONSENT, consented().replace(b'"part":1,', b"")),
    "no envelope": (PERSON, CONSENT, b'{"fact":{}}'),
    "a time without an offset": (PERSON, CONSENT, with_meta(recorded_at="2026-05-01T08:00:00")),
    "a time of a year that no trial has": (PERSON, CONSENT, with_meta(recorded_at="9999-05-01T08:00:00Z")),
    "a key that no envelope has": (PERSON, CONSENT, with_meta(shown=True)),
    "a fact without what it must say": (PERSON, CONSENT, state_of({}, command="forged")),
    "a day that no month has": (PERSON, CONSENT, consented(signed_on="2026-02-30")),
    "a word that is none of its kind": (PERSON, CONSENT, consented(signer="nobody")),
    "a text that is blank": (PERSON, CONSENT, consented(form_version=" ")),
    "JSON of 200,000 brackets": (PERSON, CONSENT, DEEP),
    "a number of 5,000 digits": (PERSON, CONSENT, consented().replace(b'"1"', b"9" * 5_000)),
    "no JSON": (PERSON, CONSENT, b"consented"),
    "nothing": (PERSON, CONSENT, b""),
    "no Unicode": (PERSON, CONSENT, consented(form_version="x").replace(b'"x"', b'"\xff"')),
    "the state of another kind": (PERSON, "participant.died.v1", consented()),
    "a former shape of something else": (PERSON, "participant.infused.v0", consented()),
    "the end of the registration": (TRIAL, "trial.entry-voided.v1", state_of({"version": 1}, command="forged")),
}
