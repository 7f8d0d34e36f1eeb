"""The file formats of a study: SAS transport files (written here byte by byte), Dataset-JSON, and CSV."""

import json
from pathlib import Path

import pytest
from transport_files import header, transport

from trialdomain.exchange.sdtm.tables import Line, RowMalformed, StudyUnusable, open_table
from trialdomain.exchange.sdtm.tables.dataset_json import _CHUNK
from trialdomain.exchange.sdtm.tables.xpt import number_of

ONE, FIVE = bytes.fromhex("4110000000000000"), bytes.fromhex("4150000000000000")
MISSING = b"." + b"\0" * 7
COLUMNS = [("USUBJID", 2, 5), ("AESEQ", 1, 8), ("AETERM", 2, 12)]


def read(path: Path) -> tuple[tuple[str, ...], list[Line]]:
    with open_table(path) as (table, _):
        return table.columns, list(table.lines())


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


class TestXpt:
    @pytest.mark.parametrize(
        ("stored", "text"),
        [
            # The first byte is the sign and 64 + the exponent of 16; the others are the fraction, 0.x in base 16.
            ("4110000000000000", "1"),  # 16^1 * 1/16
            ("c276a00000000000", "-118.625"),  # -16^2 * (7*16^5 + 6*16^4 + 10*16^3) / 16^6 = -(118 + 10/16)
            ("4080000000000000", "0.5"),  # 16^0 * 8/16
            ("401999999999999a", "0.1"),  # 0.1 rounded to 56 bits
            ("4124cccccccccccd", "2.3"),
            ("475f5e1000000000", "100000000"),  # 10^8 = 0x5f5e100 = 16^7 * 0x5f5e100 / 16^7
            ("0000000000000000", "0"),
            ("2e00000000000000", ""),  # . missing
            ("5f00000000000000", ""),  # ._
            ("4100000000000000", ""),  # .A
            ("5a00000000000000", ""),  # .Z
            ("4110", "1"),  # a length of 2: the rest of the fraction is 0
        ],
    )
    def test_numbers(self, stored: str, text: str) -> None:
        assert number_of(bytes.fromhex(stored)) == text

    @pytest.mark.parametrize("end", ["xpt", "XPT"])
    def test_rows(self, tmp_path: Path, end: str) -> None:
        rows = b"P-1  " + ONE + b"Nausea      " + b"P-22 " + MISSING + "M\u00fcde".encode().ljust(12)
        columns, lines = read(written(tmp_path, f"ae.{end}", transport(COLUMNS, rows)))
        assert columns == ("USUBJID", "AESEQ", "AETERM")
        assert lines == [Line(1, ["P-1", "1", "Nausea"]), Line(2, ["P-22", "", "M\u00fcde"])]

    def test_the_blanks_that_fill_the_last_record_are_no_rows(self, tmp_path: Path) -> None:
        short = [("USUBJID", 2, 5)]
        assert read(written(tmp_path, "dm.xpt", transport(short, b"P-1  P-2  ")))[1] == [
            Line(1, ["P-1"]),
            Line(2, ["P-2"]),
        ]

    def test_a_blank_row_between_others_is_one(self, tmp_path: Path) -> None:
        short = [("USUBJID", 2, 5)]
        lines = read(written(tmp_path, "dm.xpt", transport(short, b"P-1       P-2  ")))[1]
        assert lines == [Line(1, ["P-1"]), Line(2, [""]), Line(3, ["P-2"])]

    def test_columns_of_140_bytes_that_end_within_a_record(self, tmp_path: Path) -> None:
        many = [(f"C{number}", 2, 3) for number in range(9)]  # 9 * 140 = 1,260 bytes, filled to 1,280
        rows = b"".join(f"{number:<3}".encode() for number in range(18))
        lines = read(written(tmp_path, "dm.xpt", transport(many, rows)))[1]
        assert [line.cells for line in lines] == [[str(n) for n in range(9)], [str(n) for n in range(9, 18)]]

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "cut off"),
            (transport(COLUMNS, b"")[:500], "cut off"),
            (header("LIBV8", "0" * 30) + b" " * 800, "LIBRARY was expected"),
            (transport(COLUMNS, b"", size=136), "columns of 136 bytes"),
            (transport([("USUBJID", 3, 5)], b""), "is of type 3"),
            (transport([("AESEQ", 1, 9)], b""), "9 bytes from byte 0"),
            (transport([], b""), "0 columns"),
            (transport(COLUMNS, b"P-1  " + ONE + b"Nau")[:-60], "cut off"),
            (transport([("USUBJID", 2, 80)], b"P-1".ljust(80) + header("MEMBER", "0" * 30)), "a second data set"),
        ],
    )
    def test_what_is_no_such_file(self, tmp_path: Path, content: bytes, why: str) -> None:
        with pytest.raises(StudyUnusable, match=r"ae\.xpt is not a SAS transport file of version 5") as refused:
            read(written(tmp_path, "ae.xpt", content))
        assert why in str(refused.value)

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        rows = b"P-1  " + ONE + b"Nausea      " + b"P-\xff  " + FIVE + b"Nausea      "
        with pytest.raises(RowMalformed, match=r"ae\.xpt, line 2: USUBJID is not UTF-8 text"):
            read(written(tmp_path, "ae.xpt", transport(COLUMNS, rows)))


def dataset(rows: object, **more: object) -> dict[str, object]:
    columns = [{"itemOID": f"IT.{name}", "name": name, "label": "", "dataType": "string"} for name, *_ in COLUMNS]
    return {"datasetJSONVersion": "1.1.0", "itemGroupOID": "IG.AE", "columns": columns, "rows": rows, **more}


class TestDatasetJson:
    ROWS = (["P-1", 1, "Nausea"], ["P-2", 2.5, None], ["P-3", 10, 'a "quoted" [text] {of} \\ ours'])
    CELLS = (["P-1", "1", "Nausea"], ["P-2", "2.5", ""], ["P-3", "10", 'a "quoted" [text] {of} \\ ours'])

    @pytest.mark.parametrize("indent", [None, 2])
    def test_rows(self, tmp_path: Path, indent: int | None) -> None:
        columns, lines = read(written(tmp_path, "ae.json", json.dumps(dataset(self.ROWS), indent=indent)))
        assert columns == ("USUBJID", "AESEQ", "AETERM")
        assert lines == [Line(number, cells) for number, cells in enumerate(self.CELLS, start=1)]

    def test_columns_after_the_rows(self, tmp_path: Path) -> None:
        turned = dict(reversed(dataset(self.ROWS).items()))
        assert len(read(written(tmp_path, "ae.json", json.dumps(turned)))[1]) == 3

    def test_rows_that_go_over_the_parts_in_which_a_file_is_read(self, tmp_path: Path) -> None:
        for shift in range(4):
            rows = [["P-1", number, "x" * 1000 + '"' * (number % 3) + "]"] for number in range(3 * _CHUNK // 1000)]
            text = " " * shift + json.dumps(dataset(rows))
            _, lines = read(written(tmp_path, "ae.json", text))
            assert [list(line.cells) for line in lines] == [[one, str(two), three] for one, two, three in rows]

    def test_numbers_are_as_they_were_written(self, tmp_path: Path) -> None:
        text = json.dumps(dataset([])).replace('"rows": []', '"rows": [["P-1", 1.10, "1e+08"], ["P-2", 1e+08, ""]]')
        _, lines = read(written(tmp_path, "ae.json", text))
        assert [line.cells[1] for line in lines] == ["1.10", "1e+08"]

    def test_a_row_that_is_none_costs_itself_alone(self, tmp_path: Path) -> None:
        rows = [["P-1", 1], {"a": 1}, "text", ["P-2", [1], "x"], ["P-3", 3, "good"]]
        _, lines = read(written(tmp_path, "ae.json", json.dumps(dataset(rows))))
        assert [line.why for line in lines] == [
            "it has 2 cells under 3 columns",
            "it is not a list of texts and numbers",
            "it is not a list of texts and numbers",
            "it is not a list of texts and numbers",
            "",
        ]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "is not Dataset-JSON"),
            ("[]", "is not Dataset-JSON"),
            ("{}", "is not Dataset-JSON"),
            (json.dumps(dataset([]))[:-2], "cut off"),
            (json.dumps(dataset([["P-1", 1, "open"]]))[:-8], "cut off"),
            (json.dumps(dataset([], datasetJSONVersion="1.0.0")), "is Dataset-JSON 1.0.0"),
        ],
    )
    def test_what_is_no_such_file(self, tmp_path: Path, text: str, why: str) -> None:
        with pytest.raises(StudyUnusable, match=r"ae\.json is") as refused:
            read(written(tmp_path, "ae.json", text))
        assert why in str(refused.value)

    @pytest.mark.parametrize("name", ["ae.json", "ae.ndjson"])
    def test_a_byte_order_mark_is_no_part_of_it(self, tmp_path: Path, name: str) -> None:
        made = dataset(self.ROWS)
        head = {key: value for key, value in made.items() if key != "rows"}
        parts = [made] if name == "ae.json" else [head, *self.ROWS]
        text = "\n".join(map(json.dumps, parts))
        assert read(written(tmp_path, name, b"\xef\xbb\xbf" + text.encode())) == read(written(tmp_path, name, text))

    @pytest.mark.parametrize("name", ["ae.json", "ae.ndjson"])
    def test_bytes_that_are_no_text(self, tmp_path: Path, name: str) -> None:
        made = dataset([["P-1", 1, "caf?"]])
        head = {key: value for key, value in made.items() if key != "rows"}
        parts = [made] if name == "ae.json" else [head, ["P-1", 1, "caf?"]]
        text = "\n".join(map(json.dumps, parts)).encode().replace(b"?", b"\xe9")
        with pytest.raises(RowMalformed, match=r"line \d: it is not UTF-8 text"):
            read(written(tmp_path, name, text))

    def test_lines(self, tmp_path: Path) -> None:
        head = dataset([])
        del head["rows"]
        text = "\n".join(json.dumps(one) for one in (head, *self.ROWS)) + "\nnonsense\n"
        columns, lines = read(written(tmp_path, "ae.ndjson", text))
        assert columns == ("USUBJID", "AESEQ", "AETERM")
        assert [(line.number, list(line.cells)) for line in lines[:3]] == [*zip((2, 3, 4), self.CELLS, strict=True)]
        assert lines[3].number == 5
        assert lines[3].why.startswith("it is not JSON")

    @pytest.mark.parametrize("name", ["ae.json", "ae.ndjson"])
    def test_the_standards_own_example(self, shared: Path, name: str) -> None:
        columns, lines = read(shared / "standards" / name)
        assert len(lines) == 74  # its "records"
        assert columns[:4] == ("STUDYID", "DOMAIN", "USUBJID", "AESEQ")
        assert not any(line.why for line in lines)


class TestCsv:
    def test_a_quote_that_is_never_closed_costs_its_line_alone(self, tmp_path: Path) -> None:
        text = 'USUBJID,AESEQ\nP-1,1\nP-2,"2\nP-3,3\nP-4,4\n'
        _, lines = read(written(tmp_path, "ae.csv", text))
        assert [(line.number, list(line.cells), bool(line.why)) for line in lines] == [
            (2, ["P-1", "1"], False),
            (3, ['P-2,"2'], True),
            (4, ["P-3", "3"], False),
            (5, ["P-4", "4"], False),
        ]

    def test_a_cell_in_quotes_goes_over_several_lines(self, tmp_path: Path) -> None:
        _, lines = read(written(tmp_path, "ae.csv", 'USUBJID,AESEQ\nP-1,"a\nb\n"\nP-2,2\n'))
        assert lines == [Line(2, ["P-1", "a\nb\n"]), Line(5, ["P-2", "2"])]
