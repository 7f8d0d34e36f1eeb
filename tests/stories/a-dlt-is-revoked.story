# A judgement of unlikely revokes a DLT: nobody has a DLT then, and the window still has to be assessed.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-09  S002 event E1 "Fever" grade 3, infusion likely
            expect level 1: 1 DLT in 1 evaluable
2026-03-20  correct E1 of S002 infusion to unlikely because "the investigator judged again: transfusion reaction"
            so S002 DLT revoked at level 1
            expect level 1: 0 DLTs in 0 evaluable, 3 pending
            expect level 1: 1 DLT in 1 evaluable             known 2026-03-10
            S001, S002, S003 window assessed: no DLT
            expect level 1: 0 DLTs in 3 evaluable
