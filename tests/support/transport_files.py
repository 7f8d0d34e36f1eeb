"""Write SAS transport files of version 5 byte by byte, as specified in TS-140."""

import struct


def header(name: str, rest: str) -> bytes:
    return f"HEADER RECORD*******{name:<8}HEADER RECORD!!!!!!!{rest}".ljust(80).encode()


def namestr(number: int, name: str, *, kind: int, length: int, position: int) -> bytes:
    """Describe a column as TS-140 has it: 140 bytes, big-endian."""
    made = (
        struct.pack(">hhhh", kind, 0, length, number)
        + name.ljust(8).encode()
        + b"a label".ljust(40)
        + b" " * 8
        + struct.pack(">hhh", 0, 0, 0)
        + b"\0\0"
        + b" " * 8
        + struct.pack(">hhl", 0, 0, position)
        + b"\0" * 52
    )
    assert len(made) == 140
    return made


def transport(columns: list[tuple[str, int, int]], rows: bytes, *, size: int = 140) -> bytes:
    """Make a file of version 5 of columns (name, type, length) and of rows as they are stored."""
    zeros = "0" * 30
    described, position = b"", 0
    for number, (name, kind, length) in enumerate(columns, start=1):
        described += namestr(number, name, kind=kind, length=length, position=position)
        position += length
    described = described.ljust(-(-len(described) // 80) * 80)
    return b"".join(
        (
            header("LIBRARY", zeros),
            b"SAS     SAS     SASLIB  9.4     X64_10".ljust(64) + b"01JAN24:00:00:00",
            b"01JAN24:00:00:00".ljust(80),
            header("MEMBER", f"{'0' * 16}01600000000{size}"),
            header("DSCRPTR", zeros),
            b"SAS     DM      SASDATA 9.4     X64_10".ljust(64) + b"01JAN24:00:00:00",
            b"01JAN24:00:00:00".ljust(80),
            header("NAMESTR", f"000000{len(columns):04}{'0' * 20}"),
            described,
            header("OBS", zeros),
            rows.ljust(-(-len(rows) // 80) * 80),
        )
    )
