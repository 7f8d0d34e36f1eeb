# A new version of the protocol counts events from grade 3 on: for those who are infused under it.
protocol NCT06245746
2026-03-02  S001 infused
2026-03-05  S001 event E1 "Fever" grade 2, infusion likely
            expect level 1: 1 DLT in 1 evaluable
2026-03-09  amend because "grade 2 is no dose-limiting toxicity"
| version = "2"
| [dlt]
| min_grade = 3
            S002 infused
2026-03-12  S002 event E1 "Fever" grade 2, infusion likely
            expect level 1: 1 DLT in 1 evaluable, 1 pending
            S002 follow-up of E1: grade 3
            expect level 1: 2 DLTs in 2 evaluable
