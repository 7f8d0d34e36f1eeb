# Nothing is done without a consent; a strict story makes nothing up.
strict
protocol NCT06245746
2026-03-02  S001 screened eligible                         refused: subject-unknown
            S001 consented age 50 form "1"
            S001 enrolled at level 1                       refused: not-screened
            S001 screened eligible
            S001 enrolled at level 1
            S001 infused at level 1                        refused: not-eligible
            S001 started chemotherapy regimen "high-dose cytarabine" ecog 1
            S001 answered criteria for infusion, attested all
            S001 infused at level 1
            expect level 1: 1 treated
