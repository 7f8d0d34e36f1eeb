# Somebody whose ejection fraction is too low is not enrolled.
protocol NCT06245746
2026-03-02  S001 consented age 50
            S001 screened eligible, finding lvef 40 %
            S001 enrolled                                  refused: not-eligible
            S001 failed screening because "ejection fraction 40 %"
            S002 screened eligible, attested E19 yes
            S002 enrolled                                  refused: not-eligible
            S003 screened eligible, without E19
            S003 enrolled                                  refused: not-eligible
            S004 screened eligible
            S004 enrolled at level 1
