# The last contact decides whether the window was seen.
protocol NCT06245746
2026-03-02  S001, S002 infused
2026-04-01  S001 lost to follow-up, last contact 2026-03-15
            S002 lost to follow-up, last contact 2026-03-16
            expect level 1: 1 not evaluable, 1 pending
            S002 window assessed: no DLT on 2026-03-16
            expect level 1: 1 evaluable
