"""A pooler before a PostgreSQL server: it hands each transaction of a client to another session, as PgBouncer does."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import cycle

from server_fronts import ServerFront
from typing_extensions import override

_SESSIONS = 2
_KEY, _READY, _SYNC, _QUERY, _END = b"K", b"Z", b"S", b"Q", b"X"
"""The types of the messages of PostgreSQL's protocol that a pooler has to know."""


class TransactionPooler(ServerFront):
    """Gives each client two sessions of a server, which take turns; they never have the client's process number."""

    @override
    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as stack:
            startup = _sized(client)
            sessions, greeting = [], list[bytes]()
            for _ in range(_SESSIONS):
                session = stack.enter_context(closing(self._session()))
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
