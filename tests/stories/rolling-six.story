# Rolling six from level 2: up to six at once, and no wait.
protocol ../../examples/protocols/rolling-six.toml
2026-03-02  S001, S002, S003, S004, S005, S006 infused
            expect level 2: 6 treated, 6 pending
            expect next: wait level 2
2026-03-23  S001, S002, S003, S004, S005 window assessed: no DLT
            expect next: escalate to level 3
            decide escalate level 3
