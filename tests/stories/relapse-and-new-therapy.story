# The observation of the endpoints ends before a relapse or a new therapy.
protocol NCT06245746
2026-03-02  S001, S002 enrolled, started chemotherapy regimen "high-dose cytarabine" ecog 1, infused
2026-03-12  S001 relapsed
            S002 started new therapy "azacitidine"
2026-03-13  S001, S002 transfused platelets
            expect S6 S001: no
            expect S6 S002: no
            expect S6: 0 of 2
