# A death in the window that no event explains leaves the outcome pending.
protocol NCT06245746
2026-03-02  S001 infused
2026-03-10  S001 died
            expect level 1: 1 pending
