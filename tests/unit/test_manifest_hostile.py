"""Texts and files that are meant to hurt: bounded, refused with a message, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import manifest
from orchestrator.errors import InvalidPipeline

NODES = "nodes: {a: {component: a.wasm}}\n"


def only(text: str) -> str:
    (one,) = manifest.check(text, "x.yaml", Path()).diagnostics
    return str(one)


def test_a_document_over_a_mebibyte_is_refused_before_it_is_parsed() -> None:
    text = "pipeline: p\n" + NODES + "#" * (1 << 20)
    assert only(text) == (
        "error[yaml-size]: the document is larger than 1 MiB\n"
        " --> x.yaml:1:1\n"
        "  |\n"
        "1 | pipeline: p\n"
        "  | ^\n"
        "  = help: split the pipeline, or move data into files that components read"
    )


def test_the_size_is_counted_in_bytes() -> None:
    text = "pipeline: p\n" + NODES + "#" + "é" * (1 << 19)
    assert "yaml-size" in only(text)
    assert not manifest.check(text[: 1 << 19], "x.yaml", Path()).diagnostics


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", '{"a": '])
def test_nesting_is_counted_before_anything_is_built(opening: str) -> None:
    assert only(opening * 100_000).startswith("error[yaml-depth]: nested over 64 levels\n")


def test_sixty_four_levels_are_read() -> None:
    deep = "[" * 59 + "]" * 59
    text = f"pipeline: p\nnodes: {{a: {{component: a.wasm, run: run, args: {{x: {deep}}}}}}}\n"
    assert not manifest.check(text, "x.yaml", Path()).diagnostics
    text = text.replace(deep, f"[[{deep}]]")
    assert "yaml-depth" in only(text)


def test_a_billion_laughs_are_refused_without_being_expanded() -> None:
    lines = [f"  a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 9)}]" for n in range(1, 12)]
    text = "pipeline: p\nnodes:\n  a0: &a0 [x]\n" + "\n".join(lines)
    codes = {one.code for one in manifest.check(text, "x.yaml", Path()).diagnostics}
    assert {"yaml-anchor", "yaml-alias"} <= codes


def test_errors_are_counted_past_two_hundred() -> None:
    text = "pipeline: p\n" + NODES + "".join(f"k{n}: 1\n" for n in range(5000))
    found = manifest.check(text, "x.yaml", Path()).diagnostics
    assert len(found) == 201
    assert (
        str(found[-1])
        == "error[too-many-errors]: 4800 more errors are not shown\n --> x.yaml\n = help: mend these first"
    )


def test_a_lone_surrogate_is_refused_at_its_place() -> None:
    assert only("pipeline: p\ndescription: \ud800\n" + NODES).startswith(
        "error[yaml-character]: the character U+D800 cannot stand in a document\n --> x.yaml:2:14\n"
    )


def test_a_message_carries_no_control_characters_of_the_text() -> None:
    text = 'pipeline: "\\e[31m\\u202e"\nnodes: {"\\e]0;x\\a": {component: a.wasm}}\n'
    with pytest.raises(InvalidPipeline) as caught:
        manifest.read(text, "\x1b[31m.yaml", Path())
    assert all(char.isprintable() or char == "\n" for char in str(caught.value))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InvalidPipeline) as caught:
        manifest.read_file("/nowhere/at/all.yaml")
    assert str(caught.value) == (
        "error[file]: cannot read the file: there is no such file\n"
        " --> /nowhere/at/all.yaml\n"
        "  = help: look at the path"
    )


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = ("", "pipe", "loop", "a\0b", "x" * 256)
    found = {name: manifest.check_file(tmp_path / name).diagnostics[0].message for name in names}
    assert found == {
        "": "cannot read the file: it is a folder",
        "pipe": "cannot read the file: it is no plain file",
        "loop": "cannot read the file: there is no such file",
        "a\0b": "cannot read the file: there is no such file",
        "x" * 256: "cannot read the file: File name too long",
    }


def test_a_folder_without_its_file_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        manifest.read_component(tmp_path, name="part")
    assert str(caught.value) == (
        "error[file]: cannot read the file: there is no such file\n"
        " --> part\n"
        "  = help: a folder of a component has a `component.yaml`"
    )
    with pytest.raises(InvalidPipeline, match="File name too long"):
        manifest.read_component(tmp_path / ("x" * 256))


def test_an_endless_file_is_not_read() -> None:
    assert manifest.check_file("/dev/zero").diagnostics[0].code == "file"


def test_a_byte_order_mark_moves_no_column(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbfpipelin: p\n" + NODES.encode())
    (one,) = manifest.check_file(path).diagnostics
    assert one.span is not None
    assert (one.span.line, one.span.column) == (1, 1)
    assert manifest.check("\ufeffpipeline: p\n" + NODES, "x", Path()).manifest is not None


def test_importing_the_room_brings_nothing_heavy() -> None:
    program = "import sys, orchestrator.manifest.model, orchestrator.manifest as m; m.read; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"yaml", "difflib", "wasmtime", "networkx", "opentelemetry", "jsonschema", "pydantic"}.isdisjoint(loaded)
