# A follow-up brings a higher grade: the DLT has the day on which it was reached.
protocol NCT06245746
| [dlt]
| min_grade = 3
2026-03-02  S001 infused
2026-03-05  S001 event E1 "Fever" grade 1, infusion likely
            expect level 1: 1 pending
2026-03-08  S001 follow-up of E1: grade 3
            so S001 DLT attributed at level 1
            expect level 1: 1 DLT in 1 evaluable
2026-03-12  S001 follow-up of E1: ended 2026-03-11, outcome recovered
            expect P2 S001: yes
