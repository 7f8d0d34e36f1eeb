"""A root has one spelling wherever people or programs see it: base64, as signed notes have it."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from made_once import SimulatedLog

from trialdomain.__main__ import main


def of_halves(leaves: list[bytes]) -> bytes:
    """Compute the root as RFC 6962, section 2.1, defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + of_halves(leaves[:split]) + of_halves(leaves[split:])).digest()


def test_it_is_the_same_text_everywhere(
    simulated: Callable[[int], SimulatedLog],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # sentences are one line each

    def run(*words: str) -> str:
        assert main(list(words)) == 0
        return capsys.readouterr().out

    log = str(simulated(25).copied_to(tmp_path / "log.db"))
    run("export", log, "all.jsonl")
    *entries, last = Path("all.jsonl").read_bytes().splitlines()
    root = b64encode(of_halves([bytes.fromhex(json.loads(line)["leaf"]) for line in entries])).decode()

    run("keygen", "signer", "--name", "site-1.example/signer")
    run("checkpoint", "all.jsonl", "--key", "signer.key", "--out", "note.txt")
    told = {
        "the last line": json.loads(last)["root"],
        "a checkpoint": Path("note.txt").read_text().splitlines()[2],
        "verify --json": json.loads(run("verify", log, "--json"))["trials"][0]["root"],
        "verify": re.findall(r"root (\S+)", run("verify", "all.jsonl"))[0],
        "restore --json": json.loads(run("restore", "all.jsonl", "a.db", "--json"))["trials"][0]["root"],
        "restore": re.findall(r"root (\S+)", run("restore", "all.jsonl", "b.db"))[0],
        "bundle --json": json.loads(run("bundle", "all.jsonl", "bundle", "--key", "signer.key", "--json"))["root"],
        "manifest.json": json.loads(Path("bundle/manifest.json").read_bytes())["root"],
        "checkpoint.txt": Path("bundle/checkpoint.txt").read_text().splitlines()[2],
    }
    run("prove", "all.jsonl", "3", "--checkpoint", "note.txt", "--out", "proof.txt")
    assert set(told.values()) == {root}
    assert root in Path("proof.txt").read_text()
    Path("entry.json").write_bytes(entries[2] + b"\n")
    assert json.loads(run("check-proof", "proof.txt", "entry.json", "--key", "signer.pub", "--json"))["root"] == root

    by = ("--user", "investigator", "--why", "inspection 12")
    manifest = json.loads(run("bundle", log, "recorded.zip", *by, "--json"))
    [exported] = [
        one for one in json.loads(run("history", log, "trial", "--json"))["entries"] if "exported" in one["entry"]
    ]
    assert [change["new"] for change in exported["changes"] if change["field"] == "root"] == [manifest["root"]]
    assert manifest["root"] == root
