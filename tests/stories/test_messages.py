"""What a broken story says: the message alone is enough to mend it. Each was read without Python."""

import pytest

from trialdomain.stories.checking import check_story
from trialdomain.stories.faults import StoryMalformed

START = "protocol NCT06245746\n2026-03-02  S001, S002, S003 infused\n"


def messages(text: str) -> list[str]:
    try:
        outcome = check_story(text, file="x.story")
    except StoryMalformed as fault:
        return list(fault.sentences)
    return [sentence for failure in outcome.failures for sentence in failure.sentences]


MESSAGES: dict[str, tuple[str, str]] = {
    "date order": (
        START + ("2026-03-01  S001 relapsed\n"),
        (
            "x.story, line 3, column 1: 2026-03-01 is before 2026-03-02, the day of the lines above: lines s"
            "tand in the order of their recording; say when it happened after 'on'\n"
            "  2026-03-01  S001 relapsed\n"
            "  ^"
        ),
    ),
    "unknown verb": (
        START + ("            S001 vomited\n"),
        (
            "x.story, line 3, column 18: 'vomited' is no verb of a story: write one of 'consented', 'screene"
            "d', 'failed screening', 'answered criteria', 'enrolled', 'reassigned', 'started chemotherapy', "
            "'had chemotherapy', 'infused', 'lab', 'vital sign', 'event', 'follow-up of', 'window assessed',"
            " 'transfused', 'anti-infective', 'medication', 'relapsed', 'started new therapy', 'withdrew fro"
            "m', 'lost to follow-up', 'died', 'completed follow-up'\n"
            "              S001 vomited\n"
            "                   ^"
        ),
    ),
    "misspelt verb": (
        START + ("            S001 enroled at level 1\n"),
        (
            "x.story, line 3, column 18: 'enroled' is no verb of a story: did you mean 'enrolled'?\n"
            "              S001 enroled at level 1\n"
            "                   ^"
        ),
    ),
    "wrong level": (
        START + ("            S004 enrolled at level 7\n"),
        (
            "x.story, line 3: S004 enrolled at level 7\n"
            "  expected: that it is accepted\n"
            "  came: it was refused (level-unknown): there is no dose level 7: the protocol has levels 1, 2,"
            " 3; correct the level\n"
            "  if the refusal is right, end the line with refused: level-unknown"
        ),
    ),
    "wrong level 2": (
        START + ("            expect level 7: 1 treated\n"),
        (
            "x.story, line 3: expect level 7: 1 treated\n"
            "  expected: level 7\n"
            "  came: the protocol has the levels 1, 2, 3"
        ),
    ),
    "missing colon2": (
        START + ("            expect P2 1 of 3\n"),
        (
            "x.story, line 3, column 20: the colon before the value is missing: write 'expect P2: VALUE' of "
            "the whole trial, or 'expect P2 SUBJECT: VALUE'; or expect level, next, mtd, findings, nothing\n"
            "              expect P2 1 of 3\n"
            "                     ^"
        ),
    ),
    "tallies": (
        START
        + (
            '2026-03-09  S002 event E1 "Fever" grade 3, infusion likely\n'
            "2026-03-16  S001, S003 window assessed: no DLT\n"
            "            expect level 1: 2 DLTs in 3 evaluable\n"
        ),
        (
            "x.story, line 5: expect level 1: 2 DLTs in 3 evaluable\n"
            "  expected: level 1: 2 DLTs\n"
            "  came: level 1: 3 treated, 1 DLT in 3 evaluable, 0 pending, 0 not evaluable\n"
            "    S001, S003: whole infusion, and the window assessed\n"
            '    S002: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-09, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            '    line 3: 2026-03-09  S002 event E1 "Fever" grade 3, infusion likely\n'
            "    line 4: 2026-03-16  S001, S003 window assessed: no DLT\n"
            "  if what came is right, write: expect level 1: 1 DLT in 3 evaluable"
        ),
    ),
    "decision": (
        START + ("2026-03-16  S001, S002, S003 window assessed: no DLT\n            expect next: expand level 1\n"),
        (
            "x.story, line 4: expect next: expand level 1\n"
            "  expected: next: expand level 1\n"
            "  came: next: escalate level 2 to 3 slots, because level 1 is tolerated: 0 DLTs in 3 evaluable;"
            " level 2 has nobody yet\n"
            "    S001, S002, S003: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            "    line 3: 2026-03-16  S001, S002, S003 window assessed: no DLT\n"
            "  if what came is right, write: expect next: escalate level 2"
        ),
    ),
    "other code": (
        START + ("            S004 enrolled     refused: not-eligible\n"),
        (
            "x.story, line 3: S004 enrolled     refused: not-eligible\n"
            "  expected: a refusal with the code not-eligible\n"
            "  came: it was refused (no-free-slot): all 3 slots of level 1 are taken: wait for an outcome, o"
            "r record the escalation decision\n"
            "  if the refusal is right, end the line with refused: no-free-slot"
        ),
    ),
    "endpoint": (
        START + ("            expect P2: 1 of 3\n"),
        (
            "x.story, line 3: expect P2: 1 of 3\n"
            "  expected: P2: 1 of 3\n"
            "  came: P2: 0 of 0 evaluable, 3 pending\n"
            "    S001, S002, S003: the window is not over\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            "  if what came is right, write: expect P2: 0 of 0 evaluable, 3 pending"
        ),
    ),
    "endpoint form": (
        START + ("            expect S7: median survival 12 days\n"),
        (
            "x.story, line 3: expect S7: median survival 12 days\n"
            "  expected: S7: median survival 12 days\n"
            "  came: S7: nobody at risk, 3 not observed\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            "  'median survival 12 days' is no part of this value; its parts are: nobody at risk, 0 died, 0 "
            "censored, 0 not at risk, 3 not observed, 0 prevalent, 0 outside analysis set"
        ),
    ),
    "unknown user": (
        START + ("            S001 relapsed by max\n"),
        (
            'x.story, line 3, column 30: there is no user \'max\': name it above: user ID "Name" ROLE "Organiz'
            'ation"\n'
            "              S001 relapsed by max\n"
            "                               ^"
        ),
    ),
    "unit missing": (
        START + ("            S001 lab ANC 0.4\n"),
        (
            "x.story, line 3, column 29: the unit is missing: the line ends; write it after the value, such "
            "as 10*9/L, or none without one\n"
            "              S001 lab ANC 0.4\n"
            "                              ^"
        ),
    ),
    "unit missing2": (
        START + ("            S001 lab ANC 0.4 at 08:00\n"),
        (
            "x.story, line 3, column 30: the unit is missing: 'at' comes; write it after the value, such as "
            "10*9/L, or none without one\n"
            "              S001 lab ANC 0.4 at 08:00\n"
            "                               ^"
        ),
    ),
    "tab": (
        START + ("\tS001 relapsd\n"),
        (
            "x.story, line 3, column 7: 'relapsd' is no verb of a story: did you mean 'relapsed'?\n"
            "   S001 relapsd\n"
            "        ^"
        ),
    ),
    "indent": (
        START + ("S001 relapsed\n"),
        (
            "x.story, line 3, column 1: a line begins with its date, such as 2026-03-02, with '+3 days', or "
            "with spaces on the same day, not with 'S001'\n"
            "  S001 relapsed\n"
            "  ^"
        ),
    ),
    "first line indented": (
        ("  protocol NCT06245746\n"),
        (
            "x.story, line 1, column 3: a story begins with its protocol: write 'protocol NCT06245746', or '"
            "protocol FILE.toml'\n"
            "    protocol NCT06245746\n"
            "    ^"
        ),
    ),
    "smart quotes": (
        START + ("            S001 event E1 “Fever” grade 3\n"),
        (
            'x.story, line 3, column 27: “ is no quotation mark of a story: write a straight double one (") '
            "before and after a text\n"
            "              S001 event E1 “Fever” grade 3\n"
            "                            ^"
        ),
    ),
    "+3 day": (
        START + ("+3 day  S001 relapsed\n+3days  S001 relapsed\n"),
        (
            "x.story, line 4, column 1: write the number right after the +, and then the unit: '+3 days' or "
            "'+2 hours', not '+3days'\n"
            "  +3days  S001 relapsed\n"
            "  ^"
        ),
    ),
    "+ 3 days": (
        START + ("+ 3 days  S001 relapsed\n"),
        (
            "x.story, line 3, column 1: write the number right after the +, and then the unit: '+3 days' or "
            "'+2 hours', not '+'\n"
            "  + 3 days  S001 relapsed\n"
            "  ^"
        ),
    ),
    "no date": (
        START + ("2026-02-30  S001 relapsed\n"),
        ("x.story, line 3, column 1: '2026-02-30' is no day of the calendar\n  2026-02-30  S001 relapsed\n  ^"),
    ),
    "date form": (
        START + ("02.03.2026  S001 relapsed\n"),
        (
            "x.story, line 3, column 1: write the date as year, month and day with hyphens, such as 2026-03-"
            "02, not '02.03.2026'\n"
            "  02.03.2026  S001 relapsed\n"
            "  ^"
        ),
    ),
    "time": (
        START + ("2026-03-02 25:00  S001 relapsed\n"),
        ("x.story, line 3, column 12: '25:00' is no time of a day\n  2026-03-02 25:00  S001 relapsed\n             ^"),
    ),
    "preset": (
        ("protocol NCT0624574\n2026-03-02  S001 infused\n"),
        (
            "x.story, line 1, column 10: NCT0624574 cannot be read: No such file or directory; check the nam"
            "e; did you mean 'NCT06245746'?\n"
            "  protocol NCT0624574\n"
            "           ^"
        ),
    ),
    "toml fault": (
        ("protocol NCT06245746\n| [dlt]\n| min_grad = 3\n2026-03-02  S001 infused\n"),
        (
            "x.story, line 3, column 1: the protocol is invalid: dlt.min_grad: there is no such parameter"
            ": did you mean min_grade?\n"
            "  | min_grad = 3\n"
            "  ^"
        ),
    ),
    "correction field": (
        START + ('            correct infusion of S001 amount to 3 because "x y z"\n'),
        (
            "x.story, line 3, column 38: an entry of 'infusion' has no 'amount': write 'at level', 'dose', '"
            "weight', 'surface', 'ended', 'fraction', 'route', 'lot', 'on' or 'field'\n"
            '              correct infusion of S001 amount to 3 because "x y z"\n'
            "                                       ^"
        ),
    ),
    "E9": (
        START + ('            correct E9 of S001 grade to 3 because "a slip of the pen"\n'),
        (
            "x.story, line 3, column 21: there is no E9 of S001 in the lines above\n"
            '              correct E9 of S001 grade to 3 because "a slip of the pen"\n'
            "                      ^"
        ),
    ),
    "void of void": (
        START
        + (
            '            void infusion of S001 because "a slip of the pen"\n'
            '            void infusion of S001 because "a slip of the pen"\n'
        ),
        (
            "x.story, line 4, column 18: infusion of S001 was voided in line 3: take this line away, or name"
            " another\n"
            '              void infusion of S001 because "a slip of the pen"\n'
            "                   ^"
        ),
    ),
    "expected refusal came not": (
        START + ("            S004 consented    refused: not-eligible\n"),
        (
            "x.story, line 3: S004 consented    refused: not-eligible\n"
            "  expected: a refusal with the code not-eligible\n"
            "  came: it was accepted: S004 consented\n"
            "  if that is right, take 'refused: not-eligible' away"
        ),
    ),
    "not expected refusal": (
        START + ("            S004 enrolled at level 2\n"),
        (
            "x.story, line 3: S004 enrolled at level 2\n"
            "  expected: that it is accepted\n"
            "  came: it was refused (level-not-in-turn): level 2 is not in turn, and level 1 is in turn: rea"
            "ssign, or correct the level\n"
            "  if the refusal is right, end the line with refused: level-not-in-turn"
        ),
    ),
    "finding": (
        START + ("            expect findings: window\n"),
        (
            "x.story, line 3: expect findings: window\n"
            "  expected: findings: window\n"
            "  came: findings: none\n"
            "  if what came is right, write: expect findings: none"
        ),
    ),
    "so": (
        START + ("            so level closed\n"),
        (
            "x.story, line 3: so level closed\n"
            "  expected: so level closed\n"
            "  came: S001, S002, S003 consented; S001, S002, S003 screened; S001, S002, S003 enrolled; S001,"
            " S002, S003 slot filled at level 1; S001, S002, S003 chemotherapy started; S001, S002, S003 cri"
            "teria answered; S001, S002, S003 infused; S001, S002, S003 member infused at level 1"
        ),
    ),
    "nothing": (
        START + ("            expect nothing\n"),
        (
            "x.story, line 3: expect nothing\n"
            "  expected: that the last act recorded nothing\n"
            "  came: S001, S002, S003 consented; S001, S002, S003 screened; S001, S002, S003 enrolled; S001,"
            " S002, S003 slot filled at level 1; S001, S002, S003 chemotherapy started; S001, S002, S003 cri"
            "teria answered; S001, S002, S003 infused; S001, S002, S003 member infused at level 1"
        ),
    ),
    "mtd": (
        START + ("            expect mtd: established level 1\n"),
        (
            "x.story, line 3: expect mtd: established level 1\n"
            "  expected: mtd: established level 1\n"
            "  came: mtd: open\n"
            "    S001, S002, S003: the window is not over\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            "  if what came is right, write: expect mtd: open"
        ),
    ),
    "reason": (
        START + ('            S001 failed screening because ""\n'),
        (
            'x.story, line 3: S001 failed screening because ""\n'
            "  expected: that it is accepted\n"
            "  came: it was refused (reason-missing): the reason '' says nothing: say why it is done, such a"
            "s 'ejection fraction 40 %'\n"
            "  if the refusal is right, end the line with refused: reason-missing"
        ),
    ),
    "filler": (
        START + ('            void infusion of S001 because "error"\n'),
        (
            'x.story, line 3: void infusion of S001 because "error"\n'
            "  expected: that it is accepted\n"
            "  came: it was refused (reason-missing): the reason 'error' says nothing: say what was wrong an"
            "d how it is known, or why it is done, such as 'transcription: laboratory slip 88'\n"
            "  if the refusal is right, end the line with refused: reason-missing"
        ),
    ),
    "event no id": (
        START + ('            S001 event "Fever" grade 3\n'),
        (
            "x.story, line 3, column 24: the id of the event is missing: write it before the term, such as '"
            'event E1 "Fever"\'\n'
            '              S001 event "Fever" grade 3\n'
            "                         ^"
        ),
    ),
    "event grade 6": (
        START + ('            S001 event E1 "Fever" grade 6\n'),
        (
            'x.story, line 3: S001 event E1 "Fever" grade 6\n'
            "  expected: that it is accepted\n"
            "  came: it was refused (fact-malformed): grade must be a whole number from 1 to 5, got 6\n"
            "  mend the line; if the refusal is what it tests, end the line with refused: fact-malformed"
        ),
    ),
    "future": (
        START + ("            S001 relapsed on 2026-05-01\n"),
        (
            "x.story, line 3: S001 relapsed on 2026-05-01\n"
            "  expected: that it is accepted\n"
            "  came: it was refused (in-the-future): 2026-05-01 lies in the future: it is 2026-03-02 at the "
            "site; correct the date\n"
            "  if the refusal is right, end the line with refused: in-the-future"
        ),
    ),
    "ambiguous": (
        START
        + (
            "            S001 lab ANC 1 10*9/L, lab ANC 2 10*9/L\n"
            '            void lab of S001 because "a slip of the pen"\n'
        ),
        (
            "x.story, line 4, column 18: there are 2: write 'lab 1' to 'lab 2'\n"
            '              void lab of S001 because "a slip of the pen"\n'
            "                   ^"
        ),
    ),
    "comma": (
        START + ('            S001 event E1 "Fever", grade 3,\n'),
        (
            "x.story, line 3, column 44: the line ends after a comma: take it away, or write what follows\n"
            '              S001 event E1 "Fever", grade 3,\n'
            "                                             ^"
        ),
    ),
    "expect typo": (
        START + ("            expct level 1: 3 treated\n"),
        (
            "x.story, line 3, column 13: 'expct' is no act of a story: did you mean 'expect'?\n"
            "              expct level 1: 3 treated\n"
            "              ^"
        ),
    ),
    "decide wrong": (
        START + ("            decide escalate level 2\n"),
        (
            "x.story, line 3: decide escalate level 2\n"
            "  expected: that it is accepted\n"
            "  came: it was refused (less-cautious): escalate (level 2) was decided, but the rule allows wai"
            "t (level 1) at most: decide that, or less\n"
            "  if the refusal is right, end the line with refused: less-cautious"
        ),
    ),
    "bracket": (
        START + ('            S001 event E1 "Fever" grade 3, infusion likely (investgator)\n'),
        (
            "x.story, line 3, column 60: '(investgator)' cannot be read here: did you mean '(investigator)'?"
            "\n"
            '              S001 event E1 "Fever" grade 3, infusion likely (investgator)\n'
            "                                                             ^"
        ),
    ),
    "older DLT": (
        START
        + (
            '2026-03-04  S001 event E1 "Fever" grade 3, infusion likely\n'
            "2026-03-16  S002, S003 window assessed: no DLT\n"
            "            decide\n"
            "            S004 infused\n"
            "            S005 infused\n"
            "            S006 infused\n"
            "2026-03-30  S004 window assessed: no DLT\n"
            "            S005 window assessed: no DLT\n"
            "            S006 window assessed: no DLT\n"
            "            expect level 1: 2 DLTs\n"
            "            expect level 1: 2 not evaluable\n"
            "            expect next: stop\n"
            "            expect mtd: established level 2\n"
            "            expect P2: 3 of 6\n"
            "            S004 relapsed\n"
            "            expect level 1: 5 treated, 1 DLT in 5 evaluable\n"
            "            S007, S008 consented, screened, enrolled at level 3\n"
        ),
        (
            "x.story, line 12: expect level 1: 2 DLTs\n"
            "  expected: level 1: 2 DLTs\n"
            "  came: level 1: 6 treated, 1 DLT in 6 evaluable, 0 pending, 0 not evaluable\n"
            '    S001: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-04, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "    S002, S003, S004, S005, S006: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            '    line 3: 2026-03-04  S001 event E1 "Fever" grade 3, infusion likely\n'
            "    line 10: S005 window assessed: no DLT\n"
            "    line 11: S006 window assessed: no DLT\n"
            "  if what came is right, write: expect level 1: 1 DLT\n"
            "x.story, line 13: expect level 1: 2 not evaluable\n"
            "  expected: level 1: 2 not evaluable\n"
            "  came: level 1: 6 treated, 1 DLT in 6 evaluable, 0 pending, 0 not evaluable\n"
            '    S001: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-04, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "    S002, S003, S004, S005, S006: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            "    line 9: 2026-03-30  S004 window assessed: no DLT\n"
            "    line 10: S005 window assessed: no DLT\n"
            "    line 11: S006 window assessed: no DLT\n"
            "  if what came is right, write: expect level 1: 0 not evaluable\n"
            "x.story, line 14: expect next: stop\n"
            "  expected: next: stop\n"
            "  came: next: escalate level 2 to 3 slots, because level 1 is tolerated: 1 DLT in 6 evaluable; "
            "level 2 has nobody yet\n"
            '    S001: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-04, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "    S002, S003, S004, S005, S006: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            '    line 3: 2026-03-04  S001 event E1 "Fever" grade 3, infusion likely\n'
            "    line 10: S005 window assessed: no DLT\n"
            "    line 11: S006 window assessed: no DLT\n"
            "  if what came is right, write: expect next: escalate level 2\n"
            "x.story, line 15: expect mtd: established level 2\n"
            "  expected: mtd: established level 2\n"
            "  came: mtd: open\n"
            '    S001: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-04, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "    S002, S003, S004, S005, S006: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            '    line 3: 2026-03-04  S001 event E1 "Fever" grade 3, infusion likely\n'
            "    line 10: S005 window assessed: no DLT\n"
            "    line 11: S006 window assessed: no DLT\n"
            "  if what came is right, write: expect mtd: open\n"
            "x.story, line 16: expect P2: 3 of 6\n"
            "  expected: P2: 3 of 6\n"
            "  came: P2: 1 of 6 evaluable\n"
            '    S001: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-04, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "    S002, S003, S004, S005, S006: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            '    line 3: 2026-03-04  S001 event E1 "Fever" grade 3, infusion likely\n'
            "    line 10: S005 window assessed: no DLT\n"
            "    line 11: S006 window assessed: no DLT\n"
            "  if what came is right, write: expect P2: 1 of 6 evaluable\n"
            "x.story, line 18: expect level 1: 5 treated, 1 DLT in 5 evaluable\n"
            "  expected: level 1: 5 treated, 5 evaluable\n"
            "  came: level 1: 6 treated, 1 DLT in 6 evaluable, 0 pending, 0 not evaluable\n"
            '    S001: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-04, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "    S002, S003, S004, S005, S006: whole infusion, and the window assessed\n"
            "  what made it so:\n"
            "    line 6: S004 infused\n"
            "    line 7: S005 infused\n"
            "    line 8: S006 infused\n"
            "  if what came is right, write: expect level 1: 6 treated, 1 DLT in 6 evaluable\n"
            "x.story, line 19: S007, S008 consented, screened, enrolled at level 3\n"
            "  expected: that it is accepted\n"
            "  came: S007 enrolled: it was refused (level-not-in-turn): level 3 is not in turn, and level 2 "
            "is in turn: reassign, or correct the level\n"
            "  if the refusal is right, end the line with refused: level-not-in-turn"
        ),
    ),
    "revoked": (
        START
        + (
            '2026-03-04  S001 event E1 "Fever" grade 3, infusion likely\n'
            '2026-03-05  correct E1 of S001 infusion to unrelated because "a reaction to the transfusion"\n'
            "            expect level 1: 1 DLT\n"
        ),
        (
            "x.story, line 5: expect level 1: 1 DLT\n"
            "  expected: level 1: 1 DLT\n"
            "  came: level 1: 3 treated, 0 DLTs in 0 evaluable, 3 pending, 0 not evaluable\n"
            '    S001: the window is not over; E1 "Fever" is no DLT: its relatedness to the infusion is unre'
            "lated\n"
            "    S002, S003: the window is not over\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            '    line 4: 2026-03-05  correct E1 of S001 infusion to unrelated because "a reaction to the tra'
            'nsfusion"\n'
            "  if what came is right, write: expect level 1: 0 DLTs"
        ),
    ),
    "prepared": (
        START + ("            S004 infused\n"),
        (
            "x.story, line 3: S004 infused\n"
            "  expected: that it is accepted\n"
            "  came: it was refused (no-free-slot): all 3 slots of level 1 are taken: wait for an outcome, o"
            "r record the escalation decision\n"
            "  if the refusal is right, end the line with refused: no-free-slot"
        ),
    ),
    "prepared2": (
        START + ("            S004, S005 infused\n"),
        (
            "x.story, line 3: S004, S005 infused\n"
            "  expected: that it is accepted\n"
            "  came: S004, before 'infused': it was refused (no-free-slot): all 3 slots of level 1 are taken"
            ": wait for an outcome, or record the escalation decision\n"
            "  if the refusal is right, end the line with refused: no-free-slot"
        ),
    ),
    "lab value": (
        START + ("            S001 lab ANC 10*9/L 0.4\n"),
        (
            "x.story, line 3, column 26: the value must be a number, got '10*9/L'\n"
            "              S001 lab ANC 10*9/L 0.4\n"
            "                           ^"
        ),
    ),
    "dose unit": (
        START + ("            S004 infused dose 70 weight 60\n"),
        (
            "x.story, line 3, column 34: unit 'weight' is no unit of a dose: write it in UCUM, such as mg, M"
            "Bq, [iU], 10*8{cells} or mg/kg\n"
            "              S004 infused dose 70 weight 60\n"
            "                                   ^"
        ),
    ),
    "serious": (
        START + ('            S001 event E1 "Fever" grade 3 serious yes\n'),
        (
            "x.story, line 3, column 18: 'serious yes' cannot be said here, but in a correction, or of an im"
            "ported record; name the criterion, such as 'serious hospitalization'\n"
            '              S001 event E1 "Fever" grade 3 serious yes\n'
            "                   ^"
        ),
    ),
    "on twice": (
        START + ("            S001 relapsed on 2026-03-01 at 08:00\n"),
        (
            "x.story, line 3, column 44: the day, or the time, is said twice\n"
            "              S001 relapsed on 2026-03-01 at 08:00\n"
            "                                             ^"
        ),
    ),
    "endpoint typo": (
        START + ("            expect S77: 1 of 3\n"),
        (
            "x.story, line 3, column 20: nothing can be expected of 'S77': did you mean 'S7'?\n"
            "              expect S77: 1 of 3\n"
            "                     ^"
        ),
    ),
    "endpoint subj": (
        START + ("            expect S7 S01: 3 days\n"),
        (
            "x.story, line 3: expect S7 S01: 3 days\n"
            "  expected: S7 S01: 3 days\n"
            "  came: there is no participant 'S01': did you mean 'S001'?"
        ),
    ),
    "finding typo": (
        START + ("            expect findings: slot\n"),
        (
            "x.story, line 3: expect findings: slot\n"
            "  expected: findings: slot\n"
            "  came: findings: none\n"
            "  there is no finding 'slot': did you mean 'slots'?"
        ),
    ),
    "by missing": (
        START + ("            S001 relapsed by\n"),
        (
            "x.story, line 3, column 29: the id of the user is missing: the line ends\n"
            "              S001 relapsed by\n"
            "                              ^"
        ),
    ),
    "user role": (
        ('user a "A" physician "Site"\nprotocol NCT06245746\n2026-03-02  S001, S002, S003 infused\n'),
        (
            "x.story, line 1, column 12: the role cannot be 'physician': write 'investigator', 'coordinator'"
            ", 'data-manager', 'monitor', 'safety-committee', 'sponsor' or 'software'\n"
            '  user a "A" physician "Site"\n'
            "             ^"
        ),
    ),
    "two protocols": (
        START + ("protocol NCT06245746\n"),
        (
            "x.story, line 3, column 1: the protocol is named in line 1: a later version of it is an 'amend'"
            "\n"
            "  protocol NCT06245746\n"
            "  ^"
        ),
    ),
    "expect only": (
        START + ("            expect\n"),
        (
            "x.story, line 3, column 19: what is expected is missing: the line ends\n"
            "              expect\n"
            "                    ^"
        ),
    ),
    "correct to missing": (
        START + ('            correct infusion of S001 fraction 0.5 because "the line was closed early"\n'),
        (
            "x.story, line 3, column 47: write 'to' and the new value\n"
            '              correct infusion of S001 fraction 0.5 because "the line was closed early"\n'
            "                                                ^"
        ),
    ),
    "void subject": (
        START + ('            void infusion because "a slip of the pen"\n'),
        (
            "x.story, line 3, column 27: 'infusion' of whom? write 'of' and the subject\n"
            '              void infusion because "a slip of the pen"\n'
            "                            ^"
        ),
    ),
    "number": (
        START + ('            void infusion 2 of S001 because "a slip of the pen"\n'),
        (
            "x.story, line 3, column 18: there is no infusion 2 of S001: the last one is infusion 1\n"
            '              void infusion 2 of S001 because "a slip of the pen"\n'
            "                   ^"
        ),
    ),
    "attempt": (
        START + ("            attempt enrol\n"),
        (
            "x.story, line 3, column 13: there is no use case 'enrol': did you mean 'enroll'?\n"
            "              attempt enrol\n"
            "              ^"
        ),
    ),
    "toml syntax": (
        ("protocol NCT06245746\n| dlt = { min_grade = 3\n2026-03-02  S001 infused\n"),
        (
            "x.story, line 2, column 1: the protocol is invalid: it is not TOML: Unclosed inline table\n"
            "  | dlt = { min_grade = 3\n"
            "  ^"
        ),
    ),
    "whose event": (
        START
        + (
            '2026-03-09  S002 event E1 "Fever" grade 3\n'
            '            correct E1 of S003 grade to 2 because "a slip of the pen"\n'
        ),
        (
            "x.story, line 4, column 21: there is no E1 of S003 in the lines above: E1 is of S002\n"
            '              correct E1 of S003 grade to 2 because "a slip of the pen"\n'
            "                      ^"
        ),
    ),
    "no comma between counts": (
        START + ("            expect level 1: 3 treated 1 DLT\n"),
        (
            "x.story, line 3, column 39: write a comma between counts, such as '3 treated, 1 pending'\n"
            "              expect level 1: 3 treated 1 DLT\n"
            "                                        ^"
        ),
    ),
    "scope missing": (
        START + ("            S001 withdrew from\n"),
        (
            "x.story, line 3, column 31: the scope is missing: write 'treatment', 'follow-up' or 'use-of-dat"
            "a'\n"
            "              S001 withdrew from\n"
            "                                ^"
        ),
    ),
    "a range of subjects": (
        START + ("            S001-S003 relapsed\n"),
        (
            "x.story, line 3, column 13: 'S001-S003' is one subject here: write each with a comma, such as '"
            "S001, S002, S003'; or in quotation marks, if it is one\n"
            "              S001-S003 relapsed\n"
            "              ^"
        ),
    ),
    "misspelt kind of an entry": (
        START + ('            correct infuson of S001 dose to 3 10*6{cells} because "a slip of the pen"\n'),
        (
            "x.story, line 3, column 37: an event 'infuson' has no 'dose': did you mean 'infusion'?\n"
            '              correct infuson of S001 dose to 3 10*6{cells} because "a slip of the pen"\n'
            "                                      ^"
        ),
    ),
    "a participant for an endpoint": (
        START + ("            expect S001: pending\n"),
        (
            "x.story, line 3, column 20: S001 is a participant: write 'expect ENDPOINT S001: VALUE', or the "
            "counts of a level, 'expect level 1: 3 treated'\n"
            "              expect S001: pending\n"
            "                     ^"
        ),
    ),
    "a fact that does not follow": (
        START + ("            so the weather is fine\n"),
        (
            "x.story, line 3, column 20: no such fact follows from others: of the 49 that are known, the nea"
            "rest are 'withdrew', 'registered', 'chemotherapy given', 'new therapy started'\n"
            "              so the weather is fine\n"
            "                     ^"
        ),
    ),
    "unit of another kind": (
        START + ("            S001 lab ANC 0.4 kg\n            expect findings: none\n"),
        (
            "x.story, line 4: expect findings: none\n"
            "  expected: findings: none\n"
            "  came: findings: unread-result: S001: 1 result of ANC in kg, which no endpoint reads: a usable"
            " unit is 10*9/L\n"
            "  what made it so:\n"
            "    line 3: S001 lab ANC 0.4 kg\n"
            "  if what came is right, write: expect findings: unread-result"
        ),
    ),
    "endpoint unknown": (
        START + ("            expect CR S001: yes\n"),
        (
            "x.story, line 3, column 20: nothing can be expected of 'CR': write 'level', 'next', 'mtd', 'fin"
            "dings', 'nothing', or an endpoint: 'P1' (Adverse events and serious adverse events), 'P2' (Dose"
            "-limiting toxicity), 'P3' (Maximum tolerated dose), 'S1' (Febrile neutropenia, incidence), 'S2'"
            " (Febrile neutropenia, duration), 'S3' (Infection, duration), 'S4' (Infection, incidence), 'S5'"
            " (Bleeding, incidence), 'S6' (Blood transfusion, application rate), 'S7' (Time to absolute neut"
            "rophil count recovery), 'S8' (Severe thrombocytopenia, incidence), 'S9' (Time to severe thrombo"
            "cytopenia recovery), 'S10' (Severe anemia, incidence), 'S11' (Time to severe anemia recovery), "
            "'S12' (Anti-infective agents, application rate) or 'S13' (Bleeding, duration)\n"
            "              expect CR S001: yes\n"
            "                     ^"
        ),
    ),
    "endpoint by a word of its title": (
        START + ("            expect bleeding: 1 of 3\n"),
        (
            "x.story, line 3, column 20: nothing can be expected of 'bleeding': did you mean 'S5' (Bleeding,"
            " incidence) or 'S13' (Bleeding, duration)?\n"
            "              expect bleeding: 1 of 3\n"
            "                     ^"
        ),
    ),
    "DLT of one participant": (
        START + ('2026-03-05  S002 event E1 "Fever" grade 2, infusion likely\n            expect P2 S002: no\n'),
        (
            "x.story, line 4: expect P2 S002: no\n"
            "  expected: P2 S002: no\n"
            "  came: P2 S002: yes\n"
            '    S002: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 2 on 2026-03-05, in the wind'
            "ow from 2026-03-02 to 2026-03-16\n"
            "  what made it so:\n"
            "    line 2: 2026-03-02  S001, S002, S003 infused\n"
            '    line 3: 2026-03-05  S002 event E1 "Fever" grade 2, infusion likely\n'
            "  if what came is right, write: expect P2 S002: yes"
        ),
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_broken_story_says_how_it_is_mended(name: str) -> None:
    text, expected = MESSAGES[name]
    assert "\n".join(messages(text)) == expected
