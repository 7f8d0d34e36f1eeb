# Nobody is enrolled at a level that is not in turn, and nobody is infused at another than the assigned one.
protocol NCT06245746
2026-03-02  S001 enrolled at level 2                       refused: level-not-in-turn
            S001 enrolled at level 1
            S001 infused at level 2                        refused: level-not-assigned
            S001 infused at level 2 deviation "the pharmacy took the wrong vial"
            expect level 2: 1 treated
            expect findings: level, slots, deviation
