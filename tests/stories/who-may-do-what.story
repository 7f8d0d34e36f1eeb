# A monitor records nothing; the refusal itself is recorded.
user anna "Anna Maier" investigator "Site 1"
user max "Max Roth" monitor "Sponsor"
protocol NCT06245746
2026-03-02  S001 consented age 50
            attempt consent by max                         refused: not-permitted
            so access refused
            attempt consent by anna
            expect nothing
