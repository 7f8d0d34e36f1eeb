# Nausea counts only if it lasts longer than three days; alopecia never counts.
protocol NCT06245746
| dlt = { min_grade = "none", criteria = [
|     { terms = ["Alopecia"], never = true },
|     { terms = ["Nausea"], min_grade = 3, longer_than_days = 3 },
|     { min_grade = 3 },
| ] }
2026-03-02  S001, S002, S003 infused
2026-03-10  S001 event E1 "Nausea" grade 3 on 2026-03-05 ended 2026-03-07, infusion likely
            expect level 1: 0 DLTs in 0 evaluable
            S002 event E1 "Nausea" grade 3 on 2026-03-05 ended 2026-03-09, infusion likely
            expect level 1: 1 DLT in 1 evaluable
            S003 event E1 "Alopecia" grade 2 on 2026-03-05, infusion definitely
            expect level 1: 1 DLT in 1 evaluable, 2 pending
