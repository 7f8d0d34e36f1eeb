# An assessment of not evaluable needs a reason.
protocol NCT06245746
2026-03-02  S001 infused
2026-03-16  S001 window assessed: not evaluable            refused: fact-malformed
            S001 window assessed: not evaluable because "no blood sample was taken"
            expect level 1: 1 pending
