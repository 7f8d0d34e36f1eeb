# People may be more cautious than the rule, with a reason, and never less.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-16  S001, S002, S003 window assessed: no DLT
            expect next: escalate to level 2
            decide expand level 1                          refused: rationale-missing
            decide expand level 1 because "the board wants three more at level 1"
            so level expanded at level 1
            S004 infused at level 1
2026-03-20  decide escalate level 3                        refused: less-cautious
