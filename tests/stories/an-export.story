# An export is recorded.
protocol NCT06245746
2026-03-02  S001 infused
            export because "asked for by the inspector"
            expect level 1: 1 treated
