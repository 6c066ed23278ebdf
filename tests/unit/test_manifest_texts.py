"""The small texts: references, ports, paths, names, scalars with units, substitutions."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import manifest
from orchestrator.manifest import paths, scalars
from orchestrator.manifest.model import CallEdge, FieldStep, IndexStep, Port, Ref, SomeStep
from orchestrator.manifest.substitution import escape, parts


def ref(text: str) -> Ref:
    return paths.read_ref(paths.whole(text)).ref


def test_references() -> None:
    deep = (FieldStep("path"), IndexStep(0), FieldStep("name"), SomeStep())
    assert ref("a") == Ref("result", "a")
    assert ref(" a.path.0.name? ") == Ref("result", "a", deep)
    assert ref("a.err.path.0.name?") == Ref("error", "a", deep)
    assert ref("a.errors") == Ref("result", "a", (FieldStep("errors"),))
    assert ref("inputs.x.err") == Ref("input", "x", (FieldStep("err"),))
    assert [str(ref(text)) for text in ("a?.b", "a.err?", "inputs.x.0")] == ["a?.b", "a.err?", "inputs.x.0"]


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("a", Port("a")),
        ("a.fast-chat", Port("a", "fast-chat")),
        ("a.agent:llm/chat", Port("a", "agent:llm/chat")),
        ("a.agent:llm/chat@0.1.0-rc.1", Port("a", "agent:llm/chat@0.1.0-rc.1")),
    ],
)
def test_ports(text: str, port: Port) -> None:
    assert paths.read_port(paths.whole(text)) == port
    assert str(port) == text


def test_a_tool_names_its_function_after_the_last_dot() -> None:
    port = paths.read_tool(paths.whole("b.agent:api/files@0.1.0.read-all"))
    assert port.name.rpartition(".") == ("agent:api/files@0.1.0", ".", "read-all")


def test_paths_into_results() -> None:
    assert paths.read_path(".") == ()
    assert paths.read_path("?.a") == (SomeStep(), FieldStep("a"))
    assert paths.read_path("0.a") == (IndexStep(0), FieldStep("a"))


@pytest.mark.parametrize(
    ("text", "start", "end"), [(".a", 0, 1), ("a..b", 1, 2), ("a.B_c", 2, 5), ("a?b", 2, 3), ("Bad_", 0, 4)]
)
def test_a_fault_in_a_path_has_its_place(text: str, start: int, end: int) -> None:
    with pytest.raises(paths.TextError) as caught:
        paths.read_path(text)
    assert (caught.value.start, caught.value.end) == (start, end)


def test_long_texts_are_refused() -> None:
    for text in ("a" * 3000, "a" + ".b" * 100):
        with pytest.raises(paths.TextError):
            ref(text)


def test_names() -> None:
    assert [paths.name_fault(name) for name in ("a", "a-1", "a1-b2", "step-2-x")] == ["", "", "", ""]
    assert all(paths.name_fault(name) for name in ("", "A", "a_b", "1a", "a--b", "-a", "a-", "é", "a b", "a.b"))
    names = {"MyNode": "my-node", "HTTPClient": "http-client", "a_b": "a-b", "9lives": "lives", "é": "", "a b": "a-b"}
    assert {name: paths.kebab(name) for name in names} == names


def test_scalars_are_those_of_json() -> None:
    texts = [
        "true",
        "false",
        "null",
        "",
        "0",
        "-1",
        "1.5",
        "1e3",
        "on",
        "yes",
        "~",
        "1:30",
        "007",
        "0x10",
        "1_000",
        ".5",
    ]
    expected = [True, False, None, None, 0, -1, 1.5, 1000.0, "on", "yes", "~", "1:30", "007", "0x10", "1_000", ".5"]
    assert [scalars.plain_value(text) for text in texts] == expected


def test_quantities() -> None:
    durations = {"5s": 5.0, "200ms": 0.2, "250us": 0.00025, "1m": 60.0, "1.5h": 5400.0, "1_000ms": 1.0}
    assert {text: scalars.read_duration(text) for text in durations} == durations
    sizes = {"12B": 12, "1KB": 1000, "64KiB": 65536, "10MB": 10_000_000, "1MiB": 1 << 20, "2GiB": 2 << 30, "1GB": 10**9}
    assert {text: scalars.read_size(text) for text in sizes} == sizes
    rates = {"10/s": (10, 1.0), "5/min": (5, 60.0), "1_000/h": (1000, 3600.0)}
    assert {text: scalars.read_rate(text) for text in rates} == rates
    assert scalars.read_integer("1_000") == 1000
    wrong = ["", "5", "s", "5 s", "-5s", "5S", "5sec", "1__0s", "_1s", "1_s", "٣s", "1e3s", "5s\n"]
    assert [scalars.read_duration(text) for text in wrong] == [None] * len(wrong)
    assert [scalars.read_size(text) for text in ("5", "5k", "5kB", "1.5MiB", "-1B", "5mb")] == [None] * 6
    assert [scalars.read_rate(text) for text in ("10", "10/m", "10/day", "1.5/s", "/s")] == [None] * 5
    assert [scalars.read_integer(text) for text in ("1__0", "_1", "1_", "0_1", "1.0", "+1")] == [None] * 6


def test_a_template_is_filled() -> None:
    template = "${inputs.folder}/$${x}/${inputs.lang}/$$/${inputs.folder}"
    assert manifest.inputs_of(template) == ("folder", "lang")
    assert manifest.fill(template, {"folder": "/data${", "lang": "en"}) == "/data${/${x}/en/$$//data${"
    assert manifest.fill(escape("a ${b} $${c} $$${"), {}) == "a ${b} $${c} $$${"


def test_the_parts_of_a_template_cover_it() -> None:
    text = "a${B}$${c}${inputs.d}${"
    assert [(part.kind, part.value) for part in parts(text)] == [
        ("text", "a"),
        ("variable", "B"),
        ("text", "${"),
        ("text", "c}"),
        ("input", "d"),
        ("fault", "`${` without its `}`"),
    ]
    assert "".join(text[part.start : part.end] for part in parts(text)) == text


@pytest.mark.parametrize("text", ["true", "false"])
def test_a_flag_may_be_put_in(text: str) -> None:
    pipeline = "pipeline: p\nnodes: {a: {component: a}, b: {component: b}}\nedges: [{call: a -> b, fuse: '${FUSE}'}]\n"
    (edge,) = manifest.read(pipeline, "p.yaml", Path(), env={"FUSE": text}).edges
    assert isinstance(edge, CallEdge)
    assert edge.fuse is (text == "true")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T01:00:00+01:00", 1767225600.0),
        ("2025-12-31T19:00:00-05:00", 1767225600.0),
        ("2026-01-01T00:00:00.5Z", 1767225600.5),
        ("2026-01-01T00:00:00.000001Z", 1767225600.000001),
        ("9999-12-31T23:59:59Z", 253402300799.0),
    ],
)
def test_a_time_is_in_seconds_since_the_epoch(text: str, seconds: float) -> None:
    assert scalars.read_time(text) == seconds
    assert scalars.read_time(scalars.show_time(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:59:60Z",
        "2026-01-01T00:00:00+25:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "\u0662026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
    ],
)
def test_what_is_no_time_of_rfc_3339_from_1970_on(text: str) -> None:
    assert scalars.read_time(text) is None


@pytest.mark.parametrize("seconds", [-1.0, 253402300800.0, float("inf"), float("nan"), 1e-10])
def test_a_time_that_has_no_text(seconds: float) -> None:
    with pytest.raises(ValueError):
        scalars.show_time(seconds)
