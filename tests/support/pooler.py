"""A pooler before a PostgreSQL server: it hands each transaction of a client to another session, as PgBouncer does."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Thread

from postgres_server import Server

_SOCKET = ".s.PGSQL.5432"
_SESSIONS = 2
_KEY, _READY, _SYNC, _QUERY, _END = b"K", b"Z", b"S", b"Q", b"X"
"""The types of the messages of PostgreSQL's protocol that a pooler has to know."""


class TransactionPooler:
    """Gives each client two sessions of a server, which take turns; they never have the client's process number.

    Args:
        folder: the folder of its socket.
        server: the server.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder, self._server = folder, server
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _SOCKET))
        self._listening.listen()
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def address(self, schema: str) -> str:
        """Return the address of a schema by way of the pooler."""
        return self._server.address(schema).replace(str(self._server.folder), str(self._folder))

    def close(self) -> None:
        """Accept no more clients."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(closing(client))
            startup = _sized(client)
            sessions, greeting = [], list[bytes]()
            for _ in range(_SESSIONS):
                session = stack.enter_context(closing(socket.socket(socket.AF_UNIX)))
                session.connect(str(self._server.folder / _SOCKET))
                session.sendall(startup)
                greeting = [_hidden(kind, body) for kind, body in _until_ready(session)]
                sessions.append(session)
            client.sendall(b"".join(greeting))
            self._exchange(client, sessions)

    def _exchange(self, client: socket.socket, sessions: list[socket.socket]) -> None:
        turns, session, is_open, asked = cycle(sessions), sessions[-1], False, b""
        while True:
            kind = _exactly(client, 1)
            if kind == _END:
                return
            asked += kind + _sized(client)
            if kind not in {_SYNC, _QUERY}:
                continue
            if not is_open:
                session = next(turns)
            session.sendall(asked)
            for kind, body in _until_ready(session):
                client.sendall(kind + body)
                is_open = kind == _READY and body[-1:] != b"I"
            asked = b""


def _hidden(kind: bytes, body: bytes) -> bytes:
    """Give a message to the client as it is, but put another number in the place of the process's."""
    return kind + (body[:4] + b"\xff" * 4 + body[8:] if kind == _KEY else body)


def _until_ready(session: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Yield the messages of a server until it is ready for more."""
    kind = b""
    while kind != _READY:
        kind = _exactly(session, 1)
        yield kind, _sized(session)


def _sized(sender: socket.socket) -> bytes:
    """Read what begins with its length."""
    length = _exactly(sender, 4)
    return length + _exactly(sender, int.from_bytes(length, "big") - 4)


def _exactly(sender: socket.socket, number: int) -> bytes:
    found = b""
    while len(found) < number:
        chunk = sender.recv(number - len(found))
        if not chunk:
            raise ConnectionError("it was closed")
        found += chunk
    return found


@contextmanager
def transaction_pooler(server: Server) -> Iterator[TransactionPooler]:
    """Run a pooler in front of a server while a block lasts."""
    folder = Path(mkdtemp(prefix="px-", dir="/tmp"))
    folder.chmod(0o755)
    pooler = TransactionPooler(folder, server)
    try:
        yield pooler
    finally:
        pooler.close()
        rmtree(folder, ignore_errors=True)
