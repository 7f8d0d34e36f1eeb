# Who leaves before the window is over, without a DLT, gives the slot to another.
protocol NCT06245746
2026-03-02  S001, S002, S003 infused
2026-03-10  S003 withdrew from follow-up because "moved away"
            so S003 slot released at level 1
            expect level 1: 3 treated, 1 not evaluable, 2 pending
            S004 infused
            expect level 1: 4 treated, 3 pending
