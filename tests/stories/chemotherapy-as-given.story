# A cycle of chemotherapy as it was given.
protocol NCT06245746
2026-03-02  S001 enrolled, started chemotherapy regimen "high-dose cytarabine" ecog 1
2026-03-06  S001 had chemotherapy "high-dose cytarabine" of "cytarabine" and "daunorubicin" from 2026-03-02 to 2026-03-05
            S001 infused
            expect level 1: 1 treated
