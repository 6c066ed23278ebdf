"""Whatever the text: a manifest or diagnostics with places inside the text, never another exception."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator import manifest
from orchestrator.capability.bounds import of_ceiling
from orchestrator.capability.ceiling import load as load_ceiling
from orchestrator.errors import InvalidPipeline
from orchestrator.manifest.scalars import plain_value, read_duration, read_integer, read_rate, read_size
from tests.support.fuzzing import examples
from tests.support.goldens import cases

SEEDS = [path.read_text(encoding="utf-8-sig") for path in cases("valid")]
CEILINGS = [path.read_text() for path in cases("ceiling/valid")]
COMPONENTS = [path.read_text() for path in cases("component/valid")]
WORDS = [
    "&a",
    "*a",
    "!t",
    "\t",
    "\0",
    "\ud800",
    "\u2028",
    "\ufeff",
    "${A}",
    "${",
    "[",
    "{",
    "- ",
    ": ",
    "'",
    '"',
    "|",
    ">",
]
WORDS += [
    "->",
    ".",
    "?",
    "null",
    "1e999",
    "9" * 80,
    "é",
    "😀",
    "%TAG",
    "---",
    "...",
    "\r",
    "\n",
    "  ",
    "<<",
    "inputs",
    "#",
]
YAML_LIKE = st.lists(
    st.sampled_from([*WORDS, "pipeline: p\n", "nodes:\n", "  a: ", "edges:\n", "data: a -> b"]) | st.text(max_size=4)
)


@st.composite
def mutated(draw: st.DrawFn, seeds: list[str]) -> str:
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 12))
        text = text[:start] + draw(st.sampled_from(WORDS) | st.text(max_size=3)) + text[start + length :]
    return text


def holds(text: str) -> None:
    reading = manifest.check(text, "fuzz.yaml", Path(), env={"A": "x -> y: [1]"}, allow_python=True)
    assert (reading.manifest is not None) or reading.diagnostics
    lines = text.removeprefix("\ufeff").split("\n")
    places = []
    for one in reading.diagnostics:
        assert one.code in manifest.CODES
        if one.span is not None:
            span = one.span
            places.append((span.line, span.column))
            assert 1 <= span.line <= span.end_line <= len(lines)
            assert 1 <= span.column <= len(lines[span.line - 1]) + 2
            assert (span.line, span.column) <= (span.end_line, span.end_column)
        assert str(one).isprintable() or "\n" in str(one)
    assert places == sorted(places)


@given(st.text() | YAML_LIKE.map("".join))
def test_any_text(text: str) -> None:
    holds(text)


@settings(max_examples=examples(300))
@given(mutated(SEEDS))
def test_a_mutated_pipeline(text: str) -> None:
    holds(text)


@settings(max_examples=examples(60))
@given(st.binary(max_size=200) | mutated(COMPONENTS).map(lambda text: text.encode("utf-8", errors="surrogatepass")))
def test_any_file(data: bytes) -> None:
    reading = manifest.check_file(write(data))
    assert reading.manifest is not None or reading.diagnostics
    with suppress(InvalidPipeline):
        assert manifest.read_component(write(data)).name


@settings(max_examples=examples(100))
@given(st.binary(max_size=200) | mutated(CEILINGS).map(lambda text: text.encode("utf-8", errors="surrogatepass")))
def test_any_ceiling(data: bytes) -> None:
    with suppress(InvalidPipeline):
        found = load_ceiling(write(data))
        assert of_ceiling(found).name == f"the ceiling `{found.name}`"


def write(data: bytes) -> Path:
    FILE[0].write_bytes(data)
    return FILE[0]


FILE: list[Path] = []


@pytest.fixture(autouse=True, scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> None:
    FILE[:] = [tmp_path_factory.mktemp("fuzz") / "any.yaml"]


@given(st.text(alphabet="0123456789_.eE+-usmhBKGi/n", max_size=70) | st.text())
def test_any_scalar(text: str) -> None:
    found: list[Any] = [read_duration(text), read_size(text), read_rate(text), read_integer(text)]
    assert sum(one is not None for one in found) <= 1
    try:
        value = plain_value(text)
    except ValueError:
        return
    assert value is None or isinstance(value, str | int | float | bool)
