"""What is shown of the address of a log in PostgreSQL: where the log is, and nothing that may be secret."""

from pathlib import Path

import pytest

from trialdomain import read_log
from trialdomain.cli.log_address import log_named
from trialdomain.storage.open_store import AddressUnknown, refuse_other_address
from trialdomain.storage.postgres.address import PostgresAddress, postgres_address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:pw@h:5432/db", "postgresql://h:5432/db"),
        ("postgres://u:pw@h/db", "postgresql://h/db"),
        ("POSTGRESQL://u@h/db", "postgresql://h/db"),
        ("postgresql://", "postgresql://"),
        ("postgresql://u:p%40w@h/db", "postgresql://h/db"),
        ("postgresql://u:p#w@h/db", "postgresql://h/db"),
        ("postgresql://u:pw@[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql://u:pw@h1:1,h2:2/db", "postgresql://h1:1,h2:2/db"),
        (
            "postgresql://u@/db?host=/run/pg&password=pw&options=-csearch_path%3Da&sslpassword=pw",
            "postgresql:///db?host=/run/pg&options=-csearch_path%3Da",
        ),
        ("postgresql:///db?options=-csearch_path%3Da%20-cx.y%3Dpw", "postgresql:///db"),
        ("postgresql:///?dbname=password%3Dpw", "postgresql:///"),
    ],
)
def test_it_says_where_the_log_is(address: str, shown: str) -> None:
    found = postgres_address(address)
    assert found is not None
    assert (str(found), found.is_clear) == (shown, True)
    assert "pw" not in repr(found)


@pytest.mark.parametrize(
    "address",
    ["u:p/w@h/db", "u:p?w@h/db", "u:p@w@h/db", "u:pw/db", "h/db?password=p@w", "h?password=p@w", "u:p[w@h@/db"],
)
def test_one_in_which_a_password_may_end_elsewhere_is_not_shown(address: str) -> None:
    found = postgres_address(f"postgresql://{address}")
    assert found is not None
    assert (str(found), found.is_clear) == ("postgresql://...", False)


@pytest.mark.parametrize(
    "text",
    ["postgresql:/u:pw@h/db", "postgresql+psycopg://u:pw@h/db", "postgress://u:pw@h/db", "mysql://u:pw@h/db"],
)
def test_one_of_another_kind_is_no_file_name(text: str) -> None:
    for take in (log_named, read_log, lambda given: read_log(Path(given))):
        with pytest.raises(AddressUnknown, match="is not an address of a log") as caught:
            take(text)
        assert "pw" not in str(caught.value)


@pytest.mark.parametrize("text", ["log.db", "a@b.db", "dir/a:b@c.db", "C:/a@b", "sqlite:////data/a@b/log.db", "x:y.db"])
def test_a_file_name_is_one(text: str) -> None:
    refuse_other_address(text)
    assert log_named(text) == Path(text)


def test_the_command_line_takes_either() -> None:
    assert log_named("postgresql://h/db") == PostgresAddress("postgresql://h/db")
    assert log_named("postgresql.db") == Path("postgresql.db")
