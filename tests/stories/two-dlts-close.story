# Two DLTs close a level and all above it; at level 1 no level is tolerated.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-05  S001 event E1 "Fever" grade 3, infusion definitely
            S002 event E1 "Fever" grade 3, infusion possibly
            so level closed at level 1
            expect level 1: 2 DLTs in 2 evaluable, 1 pending
            expect next: stop, because no level is left open
            expect mtd: none tolerated
            S004 infused                                   refused: nobody-in-turn
