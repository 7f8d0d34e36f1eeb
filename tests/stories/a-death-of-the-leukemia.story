# A death that an unrelated event explains is no DLT; the participant is not evaluable.
protocol NCT06245746
2026-03-02  S001 infused
2026-03-08  S001 event E1 "Sepsis" grade 4, infusion unrelated, disease definitely
2026-03-10  S001 died of E1
            expect level 1: 0 DLTs in 0 evaluable, 1 not evaluable
