"""A proxy between a client and a PostgreSQL server that loses a request, or the answer to it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Event, Thread

from postgres_server import Server

_CHUNK = 1 << 20


class LossyProxy:
    """Forwards a UNIX socket to that of a server; :meth:`lose` arms it for one request.

    Args:
        folder: the folder of its socket.
        server: the server.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder, self._server = folder, server
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        self._what: str | None = None
        self._mark = b""
        self.lost = Event()
        """Set when the request, or its answer, was lost."""
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def address(self, schema: str) -> str:
        """Return the address of a schema by way of the proxy."""
        return self._server.address(schema).replace(str(self._server.folder), str(self._folder))

    def lose(self, what: str, *, mark: bytes) -> None:
        """Lose the next ``"request"`` with some bytes, or the ``"answer"`` to it, and the connection with it."""
        self.lost.clear()
        self._what, self._mark = what, mark

    def close(self) -> None:
        """Accept no more connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server.folder / ".s.PGSQL.5432"))
                swallow = Event()
                Thread(target=self._requests, args=(client, server, swallow), daemon=True).start()
                Thread(target=self._answers, args=(client, server, swallow), daemon=True).start()

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


@contextmanager
def lossy_proxy(server: Server) -> Iterator[LossyProxy]:
    """Run a proxy in front of a server while a block lasts."""
    folder = Path(mkdtemp(prefix="px-", dir="/tmp"))
    folder.chmod(0o755)
    proxy = LossyProxy(folder, server)
    try:
        yield proxy
    finally:
        proxy.close()
        rmtree(folder, ignore_errors=True)
