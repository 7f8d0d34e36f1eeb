# Six at level 1 with one DLT, two DLTs at level 2: level 1 is the MTD.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-16  S001, S002, S003 window assessed: no DLT
            decide escalate level 2
            S004, S005, S006 infused
2026-03-20  S004 event E1 "Fever" grade 3, infusion likely
            S005 event E1 "Fever" grade 3, infusion likely
            so level closed at level 2
            expect next: de-escalate to level 1 to 6 slots
2026-03-30  S006 window assessed: no DLT
            decide de-escalate level 1
            S007, S008, S009 infused
2026-04-05  S007 event E1 "Fever" grade 3, infusion likely
2026-04-13  S008, S009 window assessed: no DLT
            expect level 1: 1 DLT in 6 evaluable
            expect mtd: established level 1
            expect P2: 3 of 9 evaluable
            expect P3: established level 1
            decide stop
            close recruitment because "the design has its answer"
            declare mtd level 2                            refused: mtd-not-given
            declare mtd level 1
            recommend level 2 for "phase II" because "more would be better"    refused: dose-not-tolerated
            recommend level 1 for "phase II" because "the maximum tolerated dose"
