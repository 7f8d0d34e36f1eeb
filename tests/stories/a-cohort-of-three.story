# Three participants without a DLT: the next level is opened.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
            so S003 member infused at level 1
            expect level 1: 3 treated, 3 pending
            expect next: wait level 1
2026-03-16  S001, S002, S003 window assessed: no DLT
            so S003 member assessed at level 1
            expect level 1: 0 DLTs in 3 evaluable, 0 pending
            expect next: escalate to level 2, because 0 DLTs in 3 evaluable
            decide escalate level 2
            so level opened at level 2
            expect mtd: open
