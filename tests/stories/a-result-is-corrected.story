# A wrong result is restated, a result of somebody else is withdrawn; the entries stay in the log.
protocol NCT06245746
2026-03-02  S001 enrolled, started chemotherapy regimen "high-dose cytarabine" ecog 1, infused
2026-03-10  S001 lab PLT 49 10*9/L
            expect S8 S001: yes
2026-03-12  correct lab 1 of S001 value to 94 because "transcription: digits exchanged"
            expect S8 S001: not-observed                     # one count alone does not show the whole time
            expect S8 S001: yes                              known 2026-03-11
            S001 lab PLT 20 10*9/L
            expect S8 S001: yes
2026-03-13  void lab 2 of S001 because "the tube was of another participant"
            expect S8 S001: not-observed
