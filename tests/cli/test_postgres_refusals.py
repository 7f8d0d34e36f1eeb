"""A log in PostgreSQL that cannot be used: one sentence says why and what next, and shows no password."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest
from made_once import SimulatedLog
from postgres_server import LOCKED, NO_SERVER, Server, running
from site_desk import INVESTIGATOR, OPEN

from trialdomain import LogUnusable, Trials, read_log
from trialdomain.__main__ import main
from trialdomain.errors import TrialError
from trialdomain.storage.open_store import may_append
from trialdomain.storage.postgres.address import postgres_address
from trialdomain.storage.postgres.schema import SCHEMA_VERSION

SECRET = "hunter2"  # noqa: S105 - of nobody
"""The password in every address that has one."""


@pytest.fixture(scope="module")
def exported(simulated: Callable[[int], SimulatedLog], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("exported") / "all.jsonl"
    assert main(["export", str(simulated(25).path), str(path)]) == 0
    return str(path)


@attrs.frozen
class Schemas:
    """Schemas of the server, each with something else in it; nobody records in them."""

    server: Server
    log: str
    other: str
    empty: str
    newer: str

    def at(self, schema: str, *, user: str = "owner", secret: str = SECRET, database: str = "postgres") -> str:
        """Return an address with a password."""
        return self.server.address(schema, user=f"{user}:{secret}", database=database)

    def contents(self) -> list[tuple[object, ...]]:
        """Name everything in every schema of a test, and count the entries of the log."""
        return self.server.sql(
            "SELECT relnamespace::regnamespace::text, relname::text FROM pg_class"
            " WHERE relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema')"
            f" UNION ALL SELECT 'entries', count(*)::text FROM {self.log}.entries ORDER BY 1, 2"
        )


@pytest.fixture(scope="module")
def schemas(server: Server, exported: str) -> Schemas:
    names = [server.new_schema() for _ in range(4)]
    log, other, empty, newer = names
    for schema in (log, newer):
        assert main(["restore", exported, server.address(schema)]) == 0
    server.sql("CREATE TABLE patients (id integer)", schema=other)
    server.sql("UPDATE trialdomain_log SET schema_version = 99", schema=newer)
    for role, rights in {
        "refusals_nobody": "",
        "refusals_visitor": f"GRANT USAGE ON SCHEMA {log}, {empty} TO refusals_visitor",
        "refusals_reader": f"GRANT USAGE ON SCHEMA {log} TO refusals_reader;"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {log} TO refusals_reader",
        LOCKED: f"ALTER ROLE {LOCKED} PASSWORD 'right'",
    }.items():
        server.sql(f"CREATE ROLE {role} LOGIN; {rights}")
    server.sql("CREATE DATABASE refusals_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    return Schemas(server, *names)


def without_host(schemas: Schemas, address: str) -> str:
    """Put another folder in the place of the server's."""
    return address.replace(str(schemas.server.folder), "/nowhere")


NOBODY_SAYS = "is an address of which nobody can say where the password ends: write postgresql://USER:PASSWORD@HOST"
UNCLEAR = "is not an address that PostgreSQL's client understands"
REFUSALS: Mapping[str, tuple[Callable[[Schemas], str], str]] = {
    "no server at the socket": (
        lambda found: without_host(found, found.at(found.log)),
        "no server answers there (No such file or directory); check the host and the port, and that the server runs",
    ),
    "no server at the port": (
        lambda _: f"postgresql://u:{SECRET}@127.0.0.1:1/postgres",
        "no server answers there (Connection refused); check the host and the port",
    ),
    "another database": (
        lambda found: found.at(found.log, database="nodb"),
        'cannot be opened: database "nodb" does not exist; correct the address',
    ),
    "another user": (
        lambda found: found.at(found.log, user="who"),
        'cannot be opened: role "who" does not exist; correct the address',
    ),
    "a wrong password": (
        lambda found: found.at(found.log, user=LOCKED),
        f'password authentication failed for user "{LOCKED}"; give the right one in the address, in PGPASSWORD, or',
    ),
    "no password": (
        lambda found: found.server.address(found.log, user=LOCKED),
        "no password supplied; give the right one in the address, in PGPASSWORD, or in the password file",
    ),
    "a schema of another application": (
        lambda found: found.at(found.other),
        "is not a log of trialdomain: it was left as it is; name a log, or an empty schema",
    ),
    "a log of a newer version": (
        lambda found: found.at(found.newer),
        f"has schema version 99, but this trialdomain knows {SCHEMA_VERSION}: use the trialdomain that wrote it, or",
    ),
    "a schema that does not exist": (
        lambda found: found.at("gone"),
        "no schema of the search_path (gone) exists, or the role may not use it: create it, ask its owner for USAGE",
    ),
    "a schema that the role may not use": (
        lambda found: found.at(found.log, user="refusals_nobody"),
        "exists, or the role may not use it: create it, ask its owner for USAGE, or name another as in options=",
    ),
    "tables that the role may not read": (
        lambda found: found.at(found.log, user="refusals_visitor"),
        "permission denied for table trialdomain_log: nothing was recorded; ask the owner of the log for SELECT on its",
    ),
    "a database in another encoding": (
        lambda found: found.at("public", database="refusals_latin"),
        "the database has the encoding LATIN1, and a log needs UTF8: make another one",
    ),
    "an unknown parameter": (lambda _: f"postgresql://u:{SECRET}@h/db?passwort={SECRET}", UNCLEAR),
    "a parameter without a value": (lambda _: f"postgresql://u:{SECRET}@h/db?{SECRET}", UNCLEAR),
    "a percent sign": (lambda _: f"postgresql://u:100%{SECRET}@h/db", f"{UNCLEAR}: invalid percent-encoded token"),
    "a slash in the password": (lambda _: f"postgresql://u:a/{SECRET}@h/db", NOBODY_SAYS),
    "an @ in the password": (lambda _: f"postgresql://u:a@{SECRET}@h/db", NOBODY_SAYS),
    "a ? in the password": (lambda _: f"postgresql://u:a?{SECRET}@h/db", NOBODY_SAYS),
    "an @ in a parameter": (lambda _: f"postgresql://h/db?password=a@{SECRET}", NOBODY_SAYS),
    "no host": (lambda _: f"postgresql://u:{SECRET}/db", NOBODY_SAYS),
    "one slash": (lambda _: f"postgresql:/u:{SECRET}@h/db", "is not an address of a log: write a path, sqlite:///FILE"),
    "another scheme": (lambda _: f"postgresql+psycopg://u:{SECRET}@h/db", "is not an address of a log: write a path"),
    "a number that is none": (
        lambda found: f"{found.at(found.log)}&connect_timeout={SECRET[:-1]}x",
        "cannot be opened: bad value for connect_timeout",
    ),
    "a setting that is none": (
        lambda found: found.at(found.log).replace("search_path", "serch_path"),
        'cannot be opened: unrecognized configuration parameter "serch_path"; correct the address',
    ),
}
"""By what is wrong: the address, and words of the sentence."""


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: str) -> str:
        """Run a command that is refused, and return its one sentence."""
        capsys.readouterr()
        assert main(list(words)) == 2
        printed = capsys.readouterr()
        assert (printed.out, printed.err.count("\n")) == ("", 1)
        return printed.err

    return run


@pytest.mark.parametrize("what", REFUSALS)
def test_one_sentence_says_why_and_what_next(
    what: str, schemas: Schemas, exported: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    make, words = REFUSALS[what]
    address, before = make(schemas), schemas.contents()
    told = []
    for use in (read_log, Trials.open):
        with pytest.raises((LogUnusable, TrialError)) as caught:
            use(address)
        told += [str(caught.value), repr(caught.value)]
    out = str(tmp_path / "out")
    for command in (
        ["replay", address],
        ["export", address, out],
        ["bundle", address, out, "--user", "investigator", "--why", "inspection"],
        ["checkpoint", address, "--request"],
        ["restore", exported, address],
        ["simulate", address, "--bulk", "--participants", "1"],
    ):
        told.append(refused(*command))
    assert [one for one in told if words not in one] == []
    assert not any(SECRET in one for one in told)
    assert not any("\n" in one.strip() for one in told)
    assert schemas.contents() == before
    assert list(tmp_path.iterdir()) == []


def test_an_empty_schema_has_no_log_to_read(schemas: Schemas, tmp_path: Path, refused: Callable[..., str]) -> None:
    address, before = schemas.at(schemas.empty), schemas.contents()
    words = f"the schema {schemas.empty} is empty, and has no log: name that of a log, as in options=-csearch_path%3D"
    with pytest.raises(LogUnusable, match=words):
        read_log(address)
    for command in ("replay", "review", "history", "story"):
        assert words in refused(command, address)
    assert words in refused("bundle", address, str(tmp_path / "out"))
    assert schemas.contents() == before


def test_a_role_that_may_not_make_a_log_hears_it_before_the_work_begins(
    schemas: Schemas, exported: str, refused: Callable[..., str]
) -> None:
    address, before = schemas.at(schemas.empty, user="refusals_visitor"), schemas.contents()
    words = f"the role may not make a log in the schema {schemas.empty}: ask its owner for CREATE on it, or name"
    assert words in refused("restore", exported, address)
    with pytest.raises(LogUnusable, match="ask its owner for CREATE on it"):
        Trials.open(address)
    assert schemas.contents() == before


def test_a_role_that_only_reads_reads_and_cannot_record(schemas: Schemas) -> None:
    address, before = schemas.at(schemas.log, user="refusals_reader"), schemas.contents()
    with read_log(address) as log:
        assert list(log) == ["SIM-0001"]
    with Trials.open(address) as trials, pytest.raises(LogUnusable) as caught:
        trials.register(OPEN, by=INVESTIGATOR)
    assert "permission denied for function append: nothing was recorded; ask the owner of the log" in str(caught.value)
    parsed = postgres_address(address)
    assert parsed is not None
    assert not may_append(parsed)
    assert schemas.contents() == before


def test_a_server_that_was_stopped(exported: str, refused: Callable[..., str]) -> None:
    with running() as own:
        if own is None:
            pytest.skip(NO_SERVER)
        address = own.new_log().replace("owner@", f"owner:{SECRET}@")
        assert main(["restore", exported, address]) == 0
        own.stop()
        told = refused("replay", address)
        assert "cannot be opened: no server answers there (No such file or directory); check the host" in told
        assert SECRET not in told


NO_PSYCOPG = """
import sys
sys.modules[sys.argv.pop(1)] = None
from trialdomain.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", [["replay"], ["restore", "all.jsonl"], ["checkpoint", "--request"], ["bundle"]])
def test_psycopg_is_not_installed(command: list[str], exported: str, tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").symlink_to(exported)
    words = [*command, f"postgresql://u:{SECRET}@h/db", *(["out"] if command == ["bundle"] else [])]
    done = subprocess.run(
        [sys.executable, "-c", NO_PSYCOPG, "psycopg", *words],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "trialdomain: a log in PostgreSQL needs psycopg, which is not installed: install trialdomain[postgres]\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]


def test_the_library_of_the_client_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("psycopg", "trialdomain.storage.postgres."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("PSYCOPG_IMPL", "none of them")
    with pytest.raises(LogUnusable, match=r"needs libpq, the client library of PostgreSQL, .*: install it, or psycopg"):
        read_log(f"postgresql://u:{SECRET}@h/db")
