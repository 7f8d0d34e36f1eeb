# The first participant of a level is seen on day 5 before another is infused there.
protocol NCT06245746
| [stagger.sentinel]
| observation_days = 5
2026-03-02  S001, S002 enrolled
            S001 infused
2026-03-07  S002 infused                                   refused: sentinel-not-cleared
            S001 vital sign temperature 36.8 Cel
            S002 infused
