# An event on day 14 counts, one on day 15 does not.
protocol NCT06245746
2026-03-02  S001, S002 infused
2026-03-16  S001 event E1 "Fever" grade 2, infusion likely
            expect level 1: 1 DLT in 1 evaluable
2026-03-17  S002 event E1 "Fever" grade 2, infusion likely
            expect level 1: 1 DLT in 1 evaluable, 1 pending
