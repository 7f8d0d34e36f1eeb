# Suspended recruitment refuses enrollments; infusions go on, unless they are suspended too.
protocol NCT06245746
2026-03-02  S001, S002 enrolled
            suspend recruitment because "a stock check"
            S003 enrolled                                  refused: recruitment-is-suspended
            S001 infused
2026-03-03  suspend recruitment infusions too yes because "a stock check of the lot"
            S002 infused                                   refused: recruitment-is-suspended
2026-03-04  resume recruitment because "the lot is in order"
            S002 infused
