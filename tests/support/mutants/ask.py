"""The test command of cosmic-ray: ask the warm process whether the tests pass with the module as it is now.

It imports almost nothing, because it starts once for each mutant: ``python -I -S ask.py SOCKET``.
"""

import socket
import sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.connect(sys.argv[1])
    answer = b"".join(iter(lambda: asked.recv(65536), b""))
sys.stdout.buffer.write(answer)
sys.exit(0 if answer.startswith(b"survived") else 1)
