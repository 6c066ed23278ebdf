"""`--input`: texts become values of the inputs' types, and what does not fit is said."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pytest

from orchestrator.cli._inputs import read_inputs
from orchestrator.interface import types as t
from orchestrator.link.model import LinkedInput

INPUTS = [
    LinkedInput("question", t.STRING),
    LinkedInput("count", t.U32, default=3, has_default=True),
    LinkedInput("folder", t.STRING, is_path=True, default="/docs", has_default=True),
    LinkedInput("note", t.Option(t.STRING), has_default=True),
    LinkedInput("colour", t.Enum(("red", "green")), default="red", has_default=True),
    LinkedInput("data", t.List(t.U8), default=b"", has_default=True),
    LinkedInput("point", t.Tuple((t.S32, t.F64)), default=(0, 0.0), has_default=True),
]


def read(*given: str) -> dict[str, Any]:
    return read_inputs(given, INPUTS)


def refused(*given: str) -> str:
    with pytest.raises(click.UsageError) as caught:
        read(*given)
    return caught.value.format_message()


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("question=Why?", "question", "Why?"),
        ("question=", "question", ""),
        ("question=a=b", "question", "a=b"),
        ("question=17", "question", "17"),
        ('question="quoted"', "question", '"quoted"'),
        ("question=@@home", "question", "@home"),
        ("count=7", "count", 7),
        ("note=null", "note", "null"),
        ("colour=green", "colour", "green"),
        ("data=aGk=", "data", b"hi"),
        ("point=[1, 2.5]", "point", (1, 2.5)),
    ],
)
def test_values(given: str, name: str, value: object) -> None:
    found = read(given, *([] if name == "question" else ["question=x"]))
    assert found[name] == value


def test_a_path_is_taken_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("question=x", "folder=notes/../docs")["folder"] == str(tmp_path / "docs")


def test_a_file_is_the_value(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("Größe\n".encode())
    (tmp_path / "number").write_text(" 12 ")
    (tmp_path / "bytes").write_bytes(b"\xff\x00")
    found = read(f"question=@{tmp_path}/text", f"count=@{tmp_path}/number", f"data=@{tmp_path}/bytes")
    assert found == {"question": "Größe\n", "count": 12, "data": b"\xff\x00"}


def test_standard_input_is_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"question": "x", "point": [1, "inf"]}')))
    assert read("-", "count=1") == {"question": "x", "point": (1, float("inf")), "count": 1}


def test_standard_input_is_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    assert read("question=@-") == {"question": "from a pipe"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["question=x", "count=many"], "input `count` (u32): the value: expected JSON, found a text that is not JSON"),
        (["question=x", "count=-1"], "input `count` (u32): the value: expected u32 (0 to 4294967295), found -1"),
        (["question=x", "colour=blue"], "input `colour` (enum { red, green }): the value: expected "),
        (["question=x", "point=[1]"], "input `point` (tuple<s32, f64>): the value: expected "),
        (["question=x", "question=y"], "input `question` is given twice"),
        (["question=x", "folder="], "input `folder` (path): the value: expected a path; `.` is the current folder, "),
        (["question"], "`--input question` is not NAME=VALUE, nor `-` for a JSON object on standard input"),
        (["quest\x07ion=x"], "the pipeline has no input `quest\\x07ion`; its inputs: question (string), count (u32), "),
        (["question=@/no/such/file"], "input `question`: cannot read /no/such/file: No such file or directory"),
        (["question=@/"], "input `question`: cannot read /: Is a directory"),
        ([], "input `question` (string) is missing; give it as --input question=…"),
    ],
)
def test_what_does_not_fit_is_refused(given: list[str], message: str) -> None:
    assert refused(*given).startswith(message)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"a\xff")
    assert refused(f"question=@{tmp_path}/binary") == (
        "input `question` (string): the value: expected text in UTF-8, found byte 1 of the file, which is none"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[1]", "standard input: the value: expected a JSON object of inputs, found a JSON list"),
        (b"{", "standard input: the value: expected JSON, found a text that is not JSON (line 1, column 2: "),
        (b'{"folder": ""}', "standard input: input `folder` (path): the value: expected a path; "),
        (b'{"question": 1}', "standard input: input `question` (string): the value: expected string, found 1"),
        (b'{"x": 1}', "the pipeline has no input `x`; its inputs: question (string), "),
        (b"[" * 100_000, "standard input: the value: expected JSON, found a text that is nested too deeply"),
        (b"\xff", "standard input: the value: expected JSON, found a text that is not Unicode (byte 0)"),
    ],
)
def test_standard_input_that_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: bytes, message: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert refused("-").startswith(message)


def test_a_file_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cli._inputs.LARGEST_CONTENT", 8 << 20)
    assert refused("question=@/dev/zero") == "input `question`: cannot read /dev/zero: it has over 8 MiB"


def test_a_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert refused("-") == "standard input: it is closed"
    assert refused("question=@-") == "input `question`: cannot read -: it is closed"
