# Severe counts, their recovery, and a day of febrile neutropenia.
protocol NCT06245746
2026-03-02  S001 enrolled, started chemotherapy regimen "high-dose cytarabine" ecog 1
2026-03-03  S001 infused
2026-03-10  S001 lab ANC 0.4 10*9/L at 08:00, lab PLT 30 10*9/L at 08:00, lab HGB 70 g/L at 08:00
            S001 vital sign temperature 38.9 Cel site tympanic at 09:00
            S001 transfused platelets units 2
            S001 transfused red cells
            S001 anti-infective "meropenem" code J01DH02 route "intravenous" intent treatment
            S001 medication "filgrastim" class g-csf route "subcutaneous"
            expect S1 S001: yes
            expect S6 S001: yes
            expect S8 S001: yes
            expect S10 S001: yes
            expect S12 S001: yes
2026-03-20  S001 lab ANC 0.6 10*9/L on 2026-03-18
            S001 lab ANC 0.9 10*9/L on 2026-03-19
            S001 lab ANC 1.2 10*9/L on 2026-03-20
            expect S7 S001: 16 days
            expect S7: 1 of 1 at risk, median 16 days
            expect S9: 0 of 1 at risk, estimated median not reached, 1 censored
