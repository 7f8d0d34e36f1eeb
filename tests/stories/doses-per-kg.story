# An amount belongs to a level by the body weight; half of it belongs to none.
protocol ../../examples/protocols/per-kg-with-sentinel.toml
2026-03-02  S001 enrolled
            S001 infused dose 35 10*6{cells} weight 70      refused: dose-not-of-level
            S001 infused dose 70 10*6{cells} weight 70
            expect level 1: 1 treated
