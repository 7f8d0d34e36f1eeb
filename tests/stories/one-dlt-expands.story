# One DLT in three asks for three more at the level.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-09  S002 event E1 "Alanine aminotransferase increased" grade 3, infusion likely
            so S002 DLT attributed at level 1
            S004 enrolled at level 1                       refused: no-free-slot
2026-03-16  S001, S003 window assessed: no DLT
            expect next: expand level 1, because 1 DLT in 3 evaluable
            decide expand level 1
            so level expanded at level 1
            S004 enrolled
            so S004 slot filled at level 1
