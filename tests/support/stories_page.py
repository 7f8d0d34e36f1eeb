"""The page of stories: the grammar, and the vocabulary, generated from the code.

Run this file to write ``docs/reference/stories.md``; a test compares the page with it.
"""

from collections.abc import Iterator
from pathlib import Path

from trialdomain.events.registry import NAMES
from trialdomain.stories.vocabulary import FOLLOWS, VERBS, Verb

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "stories.md"
_HEAD = """# Stories

A story is a test of a protocol in plain text: one dated line for each thing that happened, and expectations between
them. Nobody needs Python to read one, or to mend one. The vocabulary on this page is written from the code.

In a new directory, with an editor, write `first.story`:

```story
# One DLT in three asks for three more at the level.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-09  S002 event E1 "Fever" grade 3, infusion likely
            so S002 DLT attributed at level 1
            expect level 1: 3 treated, 1 DLT in 1 evaluable, 2 pending
            S004 enrolled                                  refused: no-free-slot
2026-03-16  S001, S003 window assessed: no DLT
            expect next: expand level 1, because 1 DLT in 3 evaluable
            decide expand level 1
+3 days     correct E1 of S002 infusion to unlikely because "judged again: a transfusion reaction"
            expect level 1: 0 DLTs in 2 evaluable, 1 pending
            expect level 1: 1 DLT in 3 evaluable           known 2026-03-17
```

```console
$ trialdomain check first.story
1 story passed, 0 failed; 11 lines told
```

- `trialdomain check PATH ...` checks files, and every `*.story` of a folder; the status is 1 if one fails.
- **pytest** collects `*.story` files beside your other tests, where this library is installed. `-p
  no:trialdomain-stories` leaves them out.
- In Python, `check_story(Path("first.story"))` returns the outcome, and `story_of(history)` writes a log as a story.
- `trialdomain story LOG --out trial.story` writes a recorded or imported trial as a story that passes: told again, it
  records the same facts in the same order, and its last lines expect the counts, the next action and the MTD that the
  log answers. So a real log becomes a test, and a test can be cut down to what matters.

A word that cannot be read is told with its line, its column and the nearest word, and with a mark under it. A failed
line shows what was expected, what came, up to three lines that made it so, and what to write if what came is right.
A failed count, next action, MTD or endpoint of DLTs shows how each participant counts, and why each of their events
is a DLT or none.
Of several acts in a line it names the one that was refused.

## What a line means

- **The date** is when the line was recorded; with a time (`2026-03-02 08:30`) or in the evening. `+3 days` or `+2
  hours` counts from the line before. A line that begins with spaces is of the same moment. Dates never go back.
- **Several subjects, several verbs**: `S001, S002 consented, screened, enrolled at level 1`. Results in one line are
  recorded together.
- **`on DATE`**, or `at 08:30` of the same day, says when it happened, if that is not the day of the line.
- **What is unsaid is made up**, as the protocol asks for it: a consent, answers that meet every criterion, doses, the
  chemotherapy and the answers before an infusion; acts of a subject that have to come before are added, decisions are
  not. A story that begins with `strict` makes nothing up, but for `eligible` and `attested all`.
- **What is known already records nothing again**: an event of grade 5 records the death, so `S001 died` after it adds
  nothing.
- **`window assessed: not evaluable`** leaves a participant pending: a slot is given back by `lost to follow-up`, by a
  withdrawal from follow-up, or by a death ([why](../explanation/dlt-and-corrections.md)).
- **`by USER`** at the end of a line names who acts: a user of a line `user max "Max Roth" monitor "Sponsor"` at the
  head. Without it, the first user acts.
- **`refused: CODE`** expects a refusal ([the codes](errors.md)); then nothing may be recorded.
- **`#`** begins a comment.

## The grammar

```text
story       = { "strict" | "imported from" "SYSTEM" | user | comment }, protocol, { line }
user        = "user" ID "NAME" ROLE "ORGANIZATION"
protocol    = "protocol" [ "NCT06245746" | FILE.toml ] [ "by" USER ], { "|" a line of TOML }
line        = [ DATE [ HH:MM ] | "+" N ( "days" | "hours" ) | spaces ], item
item        = ( acts | correction | void | decision ), [ "by" USER ], [ "refused:" CODE ], [ "record" "NAME" ]
            | expectation, [ "known" DATE ]
acts        = SUBJECT, { "," SUBJECT }, verb, { "," verb } | a verb of the trial
verb        = the words and values of the table below, { value }, [ "on" DATE | "at" HH:MM ], [ "deviation" "TEXT" ]
correction  = "correct" entry, change, { "," change }, "because" "TEXT"
change      = ( WORD | "reason" | "on" ) "to" ( VALUE | "nothing" )
            | AGENT "to" ( RELATEDNESS | "nothing" ) [ "(sponsor)" ]
            | "finding" NAME "to" ( VALUE | "nothing" ) | "attested" ID "to" ( "yes" | "no" | "nothing" )
            | ( "attributions" | "findings" | "attestations" ) "to nothing"
            | "protocol", { "|" a line of TOML } | "field" NAME "to" "JSON"
void        = "void" entry, "because" "TEXT"
entry       = EVENT "of" SUBJECT | KIND [ N ] "of" SUBJECT | KIND [ N ]    (lab 2 of S001; decision 1)
decision    = "decide" [ ACTION [ "level" LEVEL ] [ "to" N "slots" ] ] [ "because" "TEXT" ]
expectation = "expect level" LEVEL ":" count, { "," count }
            | "expect next:" ACTION [ "level" LEVEL ] [ "to" N "slots" ] [ "because" words ]
            | "expect mtd:" STATUS [ "level" LEVEL ]
            | "expect" ENDPOINT [ SUBJECT ] ":" part, { "," part }
            | "expect findings:" ( ID { "," ID } | "none" )
            | "expect nothing"
            | "so" [ SUBJECT ] a fact [ "at level" LEVEL ]
count       = N ( "treated" | "evaluable" | "pending" | "not evaluable" ) | N "DLTs" [ "in" N "evaluable" ]
```

The lines after a `|` change single parameters of [the protocol](protocol-file.md) that is named, or are the whole
protocol, where none is named. `amend` is followed by such lines as well: they change the version before.

`because` after `next` is a part of the reason in words, or its code. `findings` are the ids of all
[findings](findings.md) but notes.

## Corrections and imports

A correction changes a value by the word of its verb; `reason` is the value after `because`, and `on` the day on which
it happened. Judgements, findings and attestations are changed one by one, or all of them are taken away first
(`findings to nothing`) and said anew. `protocol` is followed by lines of TOML below. A field that has no word, such
as the basis of a decision, is told as the log stores it: `field basis to "{...}"`, with [its name](events.md) and its
value in JSON. What the software recorded is corrected too: `correct slot-released 2 ...`, by the name of the fact
with hyphens.

A story whose head says `imported from "SYSTEM"` begins with an import. Each of its lines that ends with `record
"NAME"` is one record of that system, of one subject; its verbs are recorded together, as an import records them:
without asking a rule of conduct, but with the rules that it breaks named as a deviation. In a strict story the
deviations are those that the lines say. The records of one subject follow one another. Some words are said only
there, and in corrections: `imported as`, `protocol version`, `serious unknown`, `serious hospitalization (no)` for an
event that has a criterion and is called not serious, and others of the tables below.

## The value of an endpoint

With a subject it is the value of that participant; without one, that of the whole trial. It has the words of the
report of `trialdomain endpoints`, and any of its parts may be said, separated by commas. A line that fails shows the
value in these words.

| an endpoint is | of a participant | of the whole trial |
|---|---|---|
| whether it happened | `expect S1 S001: yes`, `no`, `not observed` | `expect S1: 2 of 3 evaluable, 1 not observed` |
| of adverse events | `expect P1 S001: yes` | `expect P1: 2 of 3 infused, 1 of 3 serious within 28 days` |
| of DLTs | `expect P2 S001: no` | `expect P2: 1 of 6 evaluable, 2 pending` |
| how long it lasted | `expect S3 S001: 5 days`, `no episode` | `expect S3: 2 of 3, median 4 days, range 3 to 5 days` |
| when it recovered | `expect S7 S001: 16 days`, `died` | `expect S7: 2 of 3 at risk, estimated median not reached` |
| the MTD | has none | `expect P3: established level 1`, `open`, `none tolerated` |

- **`2 of 3`** counts those who had it, or recovered, among those with a known outcome; what is counted (`evaluable`,
  `infused`, `at risk`) may be left out, and `2/3` is the same.
- **`median`** and **`range`** are of those who had an episode, or recovered. **`estimated median`** is of all who
  were at risk, with deaths and censored times; `not reached` alone is short for `estimated median not reached`.
- **Further parts** are `67 %`, `mean 2.7 days` (over all, with 0 for those without an episode), `1 ongoing`, `1 end
  unknown`, how many have no value and why (`1 pending`, `1 not at risk`, `1 prevalent`), and the further rows of the
  report: `1 of 3 platelets`, `2 red cell units`, `4 events within 28 days`.

"""


def page() -> str:
    """Write the page."""
    return _HEAD + "".join(_verbs()) + "".join(_follows())


def _verbs() -> Iterator[str]:
    for title, of_trial in (("The verbs of a subject", False), ("The verbs of the trial", True)):
        yield f"## {title}\n\n| write | records | further values | an entry is called |\n|---|---|---|---|\n"
        for verb in VERBS:
            if verb.of_trial is of_trial:
                yield f"| `{verb.example}` | `{NAMES[verb.kind]}` | {_values(verb)} | `{verb.noun}` |\n"
        yield "\n"


def _values(verb: Verb) -> str:
    told = [f"`{' '.join(slot.keyword)}` {slot.kind.form}" for slot in verb.slots if slot.given and not slot.placed]
    if verb.judges:
        told.append("`infusion`, `chemotherapy` or `disease` with a relatedness, and `(sponsor)`")
    if verb.answers:
        told.append("`eligible`, `attested all`, `finding` NAME VALUE, `attested` ID yes \\| no, `without` NAME")
    corrected = [f"`{' '.join(slot.keyword)}` {slot.kind.form}" for slot in verb.slots if not slot.given]
    return "; corrected or imported: ".join(filter(None, (", ".join(told), ", ".join(corrected))))


def _follows() -> Iterator[str]:
    yield "## What follows from an act\n\n"
    yield "A line with `so` says that the last act recorded a fact: "
    yield f"{', '.join(f'`{name}`' for name in FOLLOWS)}.\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
