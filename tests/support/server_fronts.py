"""What stands before a PostgreSQL server and speaks its protocol: the common part of the proxy and of the pooler."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Thread
from typing import TypeVar

from postgres_server import Server

_SOCKET = ".s.PGSQL.5432"


class ServerFront(ABC):
    """Takes the clients of a UNIX socket, each in a thread of its own.

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
        """Return the address of a schema by way of the front."""
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
                Thread(target=self._served, args=(client,), daemon=True).start()

    def _served(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            self._serve(client)

    def _session(self) -> socket.socket:
        """Connect to the server."""
        session = socket.socket(socket.AF_UNIX)
        session.connect(str(self._server.folder / _SOCKET))
        return session

    @abstractmethod
    def _serve(self, client: socket.socket) -> None:
        """Serve a client until it, or the server, ends the connection."""


F = TypeVar("F", bound=ServerFront)


@contextmanager
def running_front(front: Callable[[Path, Server], F], server: Server) -> Iterator[F]:
    """Run one in front of a server while a block lasts."""
    folder = Path(mkdtemp(prefix="px-", dir="/tmp"))
    folder.chmod(0o755)
    running = front(folder, server)
    try:
        yield running
    finally:
        running.close()
        rmtree(folder, ignore_errors=True)
