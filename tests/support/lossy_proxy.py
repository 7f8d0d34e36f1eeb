"""A proxy between a client and a PostgreSQL server that loses a request, or the answer to it."""

import socket
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from postgres_server import Server
from server_fronts import ServerFront
from typing_extensions import override

_CHUNK = 1 << 20


class LossyProxy(ServerFront):
    """Forwards a UNIX socket to that of a server; :meth:`lose` arms it for one request."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._what: str | None = None
        self._mark = b""
        self.lost = Event()
        """Set when the request, or its answer, was lost."""
        super().__init__(folder, server)

    def lose(self, what: str, *, mark: bytes) -> None:
        """Lose the next ``"request"`` with some bytes, or the ``"answer"`` to it, and the connection with it."""
        self.lost.clear()
        self._what, self._mark = what, mark

    @override
    def _serve(self, client: socket.socket) -> None:
        server, swallow = self._session(), Event()
        Thread(target=self._answers, args=(client, server, swallow), daemon=True).start()
        self._requests(client, server, swallow)

    def _requests(self, client: socket.socket, server: socket.socket, swallow: Event) -> None:
        with suppress(OSError):
            while chunk := client.recv(_CHUNK):
                if self._what is not None and self._mark in chunk:
                    what, self._what = self._what, None
                    if what == "request":
                        break
                    swallow.set()
                server.sendall(chunk)
        if not swallow.is_set():
            self._end(client, server)

    def _answers(self, client: socket.socket, server: socket.socket, swallow: Event) -> None:
        with suppress(OSError):
            while chunk := server.recv(_CHUNK):
                if swallow.is_set():
                    if chunk[-6:-1] != b"Z\x00\x00\x00\x05":  # the answer is not whole: the server has not done it yet
                        continue
                    break
                client.sendall(chunk)
        self._end(client, server)

    def _end(self, client: socket.socket, server: socket.socket) -> None:
        for one in (client, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.lost.set()
