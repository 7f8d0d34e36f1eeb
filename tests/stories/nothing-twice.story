# The same act again records nothing; an event has one id.
protocol NCT06245746
2026-03-02  S001 infused
2026-03-05  S001 event E1 "Fever" grade 1 expected yes, infusion likely, infusion unlikely (sponsor)
            S001 event E1 "Nausea" grade 1                 refused: event-known
            S001 follow-up of E2: grade 2                  refused: event-unknown
