# Somebody who waits for the infusion is moved, once another level is in turn.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-16  S001, S002, S003 window assessed: no DLT
            decide escalate level 2
            S004, S005, S006 enrolled at level 2
            S004, S005 infused
2026-03-18  S004 event E1 "Fever" grade 3, infusion likely
            S005 event E1 "Fever" grade 3, infusion likely
            decide de-escalate level 1
            S006 infused                                   refused: level-not-in-turn
            S006 reassigned to level 1 because "level 2 closed"
            so S006 slot filled at level 1
            S006 infused at level 1
