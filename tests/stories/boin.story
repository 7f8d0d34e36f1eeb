# BOIN reads its table at complete cohorts: 1 DLT in 3 goes down from level 2.
protocol NCT06245746
| dlt = { min_grade = 3 }
| [design]
| name = "boin"
| target = 0.25
2026-03-02  S001, S002, S003 infused
2026-03-16  S001, S002, S003 window assessed: no DLT
            decide escalate level 2
            S004, S005, S006 infused
2026-03-20  S004 event E1 "Fever" grade 3, infusion likely
2026-03-30  S005, S006 window assessed: no DLT
            expect next: de-escalate to level 1, because 1 DLT in 3 evaluable: the table says de-escalate
            decide
            so level expanded at level 1
