# One DLT in three asks for three more participants at the level; with one in six, the next level opens.
protocol ../protocol.toml
2026-03-02  S001, S002, S003 infused
2026-03-09  S002 event E1 "Fatigue" grade 3, infusion likely
            expect level 1: 3 treated, 1 DLT in 1 evaluable, 2 pending
2026-03-24  S001, S003 window assessed: no DLT
            expect next: expand level 1, because 1 DLT in 3 evaluable
            decide expand level 1
2026-03-25  S004, S005, S006 infused
2026-04-16  S004, S005, S006 window assessed: no DLT
            expect level 1: 1 DLT in 6 evaluable
            expect next: escalate level 2
