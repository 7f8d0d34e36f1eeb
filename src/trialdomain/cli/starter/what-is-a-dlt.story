# A DLT is an event of grade 3 or higher that is related to the infusion; nausea only if it lasts longer than 3 days.
protocol ../protocol.toml
2026-03-02  S001, S002, S003 infused
2026-03-10  S001 event E1 "Nausea" grade 3, infusion definitely, ended 2026-03-10 on 2026-03-08
            S002 event E1 "Fatigue" grade 2, infusion definitely
            S003 event E1 "Fatigue" grade 3, infusion unlikely
2026-03-24  S001, S002, S003 window assessed: no DLT
            expect level 1: 0 DLTs in 3 evaluable
+1 days     correct E1 of S003 infusion to possibly because "judged again by the investigator"
            expect level 1: 1 DLT in 3 evaluable
