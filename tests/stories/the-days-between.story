# A week lies between the first two infusions at a level.
protocol NCT06245746
| [stagger]
| first_to_second_days = 7
2026-03-02  S001, S002 enrolled
            S001 infused
2026-03-08  S002 infused                                   refused: stagger-not-kept
+1 day      S002 infused
            expect level 1: 2 treated
