"""A pipeline written as YAML reads as the same pipeline; what YAML cannot hold is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import manifest
from orchestrator.errors import InvalidPipeline
from orchestrator.interface.types import STRING, U32, List
from orchestrator.interface.values import Variant
from orchestrator.manifest import model
from orchestrator.manifest.scalars import read_duration, read_size, read_time, show_duration, show_size, show_time
from tests.support.goldens import cases

NODE = model.Node("a", component="a.wasm", run="run")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def again(pipeline: model.Manifest) -> model.Manifest:
    return manifest.read(manifest.write(pipeline), "written.yaml", pipeline.folder, allow_python=True)


def with_args(**args: Any) -> model.Manifest:
    return model.Manifest("p", nodes=(model.Node("a", component="a.wasm", run="run", args=args),))


@pytest.mark.parametrize("path", cases("valid"), ids=lambda path: path.stem)
def test_every_golden_pipeline_is_read_back(path: Path) -> None:
    pipeline = manifest.read_file(path, env={"ALLOWED": "allowed/value"}, allow_python=True)
    assert again(pipeline) == pipeline


@given(JSON)
def test_any_constant_is_read_back(value: Any) -> None:
    pipeline = with_args(x=value)
    assert again(pipeline) == pipeline


@given(TEXTS)
def test_any_text_is_read_back(text: str) -> None:
    storage = model.Storage(manifest.substitution.escape(text) or "x", "/in")
    usable = "\0" not in text and bool(text.strip())
    node = model.Node(
        "a",
        component=text if usable else "a",
        description="" if "\0" in text else text,
        config={"k": text},
        grants=model.Grants((storage,) if usable else ()),
    )
    pipeline = model.Manifest("p", nodes=(node,))
    assert again(pipeline) == pipeline


@given(st.floats(1e-6, 31_536_000) | st.sampled_from([0.001, 0.2, 0.25, 1.0, 60.0, 90.0, 3600.0, 0.00025]))
def test_a_duration_is_written_exactly(seconds: float) -> None:
    assert read_duration(show_duration(seconds)) == seconds


@given(st.integers(0, 1 << 50))
def test_a_size_is_written_exactly(size: int) -> None:
    assert read_size(show_size(size)) == size


@given(st.floats(0, 253_402_300_799).map(lambda seconds: round(seconds, 6)))
def test_a_time_is_written_exactly(seconds: float) -> None:
    assert read_time(show_time(seconds)) == seconds


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
COUNTS = st.none() | st.integers(0, (1 << 53) - 1)
SIZES = st.none() | st.integers(1, 1 << 50)
SECONDS = st.none() | st.floats(1e-6, 31_536_000)
METHODS = st.lists(st.from_regex(r"[A-Z][A-Z0-9-]{0,20}", fullmatch=True), min_size=1, max_size=4, unique=True)
CLOCKS = st.sampled_from([("none", None), ("wall", None), ("fixed", None), ("fixed", 0.0), ("fixed", 1767225600.25)])
NUMBERS = st.sampled_from([("none", 0), ("secure", 0), ("seeded", 0), ("seeded", 42)])
STORAGES = st.builds(
    model.Storage, WORDS.map(manifest.substitution.escape), WORDS, st.sampled_from(["read", "write"]), SIZES, COUNTS,
    st.booleans(), st.booleans(),
)  # fmt: skip
HTTPS = st.builds(
    model.Http, WORDS.map(manifest.substitution.escape), METHODS.map(tuple), SIZES, SIZES, SECONDS, st.booleans()
)
SECRETS = st.builds(model.Secret, st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,9}", fullmatch=True), WORDS, WORDS)
GRANTS = st.builds(
    lambda clock, random, **keys: model.Grants(
        clock=clock[0], clock_at=clock[1], random=random[0], random_seed=random[1], **keys
    ),
    CLOCKS, NUMBERS,
    storage=st.lists(STORAGES, max_size=3).map(tuple),
    http=st.lists(HTTPS, max_size=3).map(tuple),
    secrets=st.lists(SECRETS, max_size=3).map(tuple),
    environment=st.dictionaries(WORDS, TEXTS.filter(lambda text: "\0" not in text), max_size=3),
    stdio=st.sampled_from(["none", "captured", "inherit"]),
    optional=st.booleans(),
)  # fmt: skip
LIMITS = st.builds(
    model.Limits, memory=SIZES, tables=COUNTS, timeout=SECONDS, fuel=st.none() | st.integers(1, (1 << 53) - 1),
    host_calls=COUNTS, output=st.none() | st.integers(0, 1 << 50), handles=COUNTS,
)  # fmt: skip


@given(GRANTS, LIMITS)
def test_any_grants_and_limits_are_read_back(grants: model.Grants, limits: model.Limits) -> None:
    pipeline = model.Manifest("p", nodes=(model.Node("a", component="a.wasm", grants=grants, limits=limits),))
    assert again(pipeline) == pipeline


def test_a_clock_that_has_no_text_is_refused() -> None:
    node = model.Node("a", component="a.wasm", grants=model.Grants(clock="fixed", clock_at=-1.0))
    with pytest.raises(InvalidPipeline) as caught:
        manifest.write(model.Manifest("p", nodes=(node,)))
    assert str(caught.value) == (
        "error[not-writable]: the clock of node `a` cannot be written as YAML: a time is from 1970 to 9999, not -1"
        " seconds from 1970\n --> node `a`"
    )


def test_units_are_the_largest_that_fit() -> None:
    assert [show_duration(one) for one in (5.0, 0.2, 0.00025, 90.0, 60.0, 7200.0, 0.0)] == [
        "5s",
        "200ms",
        "250us",
        "90s",
        "1m",
        "2h",
        "0s",
    ]
    assert [show_size(one) for one in (1 << 26, 1 << 10, 10_000_000, 12, 0)] == ["64MiB", "1KiB", "10MB", "12B", "0B"]


def test_python_forms_of_values_are_written_in_their_json_form() -> None:
    values = {
        "bytes": b"\x00\xff",
        "variant": Variant("some", 3),
        "case": Variant("none"),
        "flags": frozenset({"b", "a"}),
        "tuple": (1, "x"),
        "nan": float("nan"),
        "inf": float("-inf"),
    }
    assert again(with_args(**values)).nodes[0].args == {
        "bytes": "AP8=",
        "variant": {"some": 3},
        "case": "none",
        "flags": ["a", "b"],
        "tuple": [1, "x"],
        "nan": "nan",
        "inf": "-inf",
    }


def test_the_text_is_what_a_person_would_write() -> None:
    pipeline = model.Manifest(
        "p",
        inputs=(model.Input("q", STRING), model.Input("n", List(U32), default=[1])),
        outputs=(model.Output("o", model.Ref("result", "a", (model.FieldStep("text"),))),),
        nodes=(NODE,),
        edges=(model.DataEdge(model.Ref("input", "q"), "a", "q", contract=model.Contract(max_bytes=1 << 20)),),
    )
    assert manifest.write(pipeline) == (
        "pipeline: p\n"
        "inputs:\n"
        "  q: string\n"
        "  n:\n"
        "    type: list<u32>\n"
        "    default:\n"
        "      - 1\n"
        "outputs:\n"
        "  o: a.text\n"
        "nodes:\n"
        "  a:\n"
        "    component: a.wasm\n"
        "    run: run\n"
        "edges:\n"
        "  - data: inputs.q -> a.q\n"
        "    contract:\n"
        "      max-bytes: 1MiB\n"
    )


def test_what_yaml_cannot_hold_is_refused_all_at_once() -> None:
    def closure() -> None: ...

    nodes = (
        model.Node("a", python=model.PythonFunction(closure)),
        model.Node("b", component="b.wasm", run="run", args={"x": {"deep": [object()]}}),
    )
    edge = model.CallEdge(model.Port("a"), model.Port("b"), contract=model.Contract(rate=(3, 7.0)))
    with pytest.raises(InvalidPipeline) as caught:
        manifest.write(model.Manifest("p", nodes=nodes, edges=(edge,)))
    assert str(caught.value) == (
        "error[not-writable]: the Python function `test_what_yaml_cannot_hold_is_refused_all_at_once.<locals>.closure` "
        "of node `a` cannot be written as YAML\n"
        " --> node `a`\n"
        " = help: put the function into a module and name it: `package.module:function`\n"
        "\n"
        "error[not-writable]: a value of type object cannot be written as YAML\n"
        " --> node `b`, `x`\n"
        "\n"
        "error[not-writable]: the rate of edge `a -> b` cannot be written as YAML: "
        "a rate is per second, minute or hour, not per 7 seconds\n"
        " --> edge `a -> b`"
    )


def test_a_pipeline_that_would_not_read_again_is_refused() -> None:
    with pytest.raises(InvalidPipeline) as caught:
        manifest.write(model.Manifest("Not A Name", nodes=(NODE,)))
    assert [one.code for one in caught.value.diagnostics] == ["name"]


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidPipeline) as caught:
        manifest.write(with_args(x="\ud800"))
    assert [one.code for one in caught.value.diagnostics] == ["not-writable"]
