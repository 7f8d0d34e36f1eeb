# A death that is related to the infusion suspends recruitment and infusions.
protocol NCT06245746
2026-03-02  S001, S002 enrolled
            S001 infused
2026-03-04  S001 event E1 "Sepsis" grade 5, infusion possibly, serious death, outcome fatal
            so recruitment suspended
            expect level 1: 1 DLT in 1 evaluable
            S002 infused                                   refused: recruitment-is-suspended
2026-03-06  resume recruitment because "the board saw the data"
            S002 infused
