# Two DLTs close a level at once; one of them is judged again, and the level is open as before.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-05  S001, S002 event E1 "Fever" grade 3, infusion likely
            so level closed at level 1
            expect mtd: none tolerated
2026-03-06  correct E1 of S002 infusion to unrelated because "a transfusion reaction, as the blood bank found"
            so level reopened at level 1
            expect level 1: 1 DLT in 1 evaluable, 2 pending
