# A closed trial enrolls nobody; observation goes on.
protocol NCT06245746
2026-03-02  S001 infused
            close recruitment because "the sponsor ended the trial"
            S002 enrolled                                  refused: trial-is-closed
2026-03-16  S001 window assessed: no DLT
            S001 completed follow-up on 2026-03-16
            expect level 1: 0 DLTs in 1 evaluable
            declare no mtd: recruitment ended
