"""The benchmarks run, answer right, and say what they miss; what is done is too little for figures to mean much."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from wasmtime import WasmtimeError

from benchmarks import __main__ as command
from benchmarks import (
    _calls,
    _guests,
    _languages,
    _ways,
    bulk,
    chain,
    codec,
    hop,
    instantiate,
    memory,
    parallel,
    policy,
    snippet,
)
from benchmarks import revert as reverting
from benchmarks._ours import own_engine
from benchmarks._stock import stock
from benchmarks._ways import Effort, Missing, Way
from orchestrator.engine._javascript_builder import missing
from orchestrator.errors import BuildError
from tests.support.interpreters import interpreter

TINY = Effort(seconds=0.002, rounds=2)
PEERS = ("langgraph", "langgraph.graph", "haystack", "numpy", "pydantic_monty", "quickjs")

ITEM = {
    "id": 1 << 40, "name": "one of ten", "score": 0.25, "kind": 200, "active": True, "initial": "ж", "change": -7,
    "weight": 1.5,
}  # fmt: skip


@pytest.fixture
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `make peers` was never called."""
    for name in PEERS:
        monkeypatch.setitem(sys.modules, name, None)


def figures(found: Mapping[str, object]) -> set[str]:
    """The names of the figures, each of which is a number or missing."""
    assert {type(value) for value in found.values()} <= {float, type(None)}
    return set(found)


@pytest.mark.parametrize("name", command.benchmarks())
def test_every_benchmark_says_what_it_measures_and_can_be_run(name: str) -> None:
    line = command.benchmarks()[name]
    assert line.endswith(".")
    assert callable(import_module(f"benchmarks.{name}").run)


@pytest.mark.usefixtures("no_peers")
def test_a_node_is_measured_and_peers_that_are_not_installed_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    found = chain.run(TINY)
    assert figures(found) == {
        "langgraph_us", "haystack_us", "networkx_us", "call_us", "fused_us", "data_us", "data_fresh_us",
        "langgraph_to_call_ratio", "langgraph_to_data_ratio", "haystack_to_call_ratio", "haystack_to_data_ratio",
    }  # fmt: skip
    missing = {name for name, value in found.items() if value is None} - {"fused_us"}
    assert missing == {name for name in found if name.startswith(("langgraph", "haystack"))}
    for_langgraph, for_haystack, *_ = capsys.readouterr().err.splitlines()
    ending = "None in sys.modules; `make peers` installs what the benchmarks compare with"
    assert for_langgraph == f"langgraph: not measured: import of langgraph.graph halted; {ending}"
    assert for_haystack == f"haystack: not measured: import of haystack halted; {ending}"


@pytest.mark.parametrize(("package", "make"), [("langgraph", chain._langgraph), ("haystack", chain._haystack)])
@pytest.mark.filterwarnings("default")
def test_a_peer_that_is_installed_adds_ten(package: str, make: Any) -> None:
    pytest.importorskip(package)
    with ExitStack() as stack:
        assert make(stack)(1) is None


def test_a_hop_is_measured_for_each_row() -> None:
    found = hop.run(TINY)
    ways = ("stock", "forward", "fused")
    figure = {f"{way}{ending}" for way in ways for ending in ("_us", "_p90_us")}
    figure |= {"stock_to_forward_ratio", "stock_to_fused_ratio"}
    assert figures(found) == {f"{row}{name}" for row in ("", "record_", "list_") for name in figure}
    assert [name for name, value in found.items() if value is None and "fused" not in name] == []


LISTS = {f"{way}{peer}" for way in ("in", "out") for peer in ("", "_stock")} | {"stock", "ours", "edge"}
FEW_LISTS = {"edge_stock", "host", "host_stock"}


def of_lists(ways: set[str], size: str) -> set[str]:
    return {f"{element}{way}_us_{size}" for element in ("", "f32_") for way in ways}


@pytest.mark.usefixtures("no_peers")
def test_every_way_of_a_list_is_measured() -> None:
    found = bulk.run(TINY, {"1kb": 1024, "1mb": 2048})
    assert figures(found) == of_lists(LISTS, "1kb") | of_lists(LISTS | FEW_LISTS, "1mb")
    needing = {f"f32_{way}_us_{size}" for way in ("ours", "in", "out") for size in ("1kb", "1mb")}
    assert {name for name, value in found.items() if value is None} == needing


@pytest.mark.filterwarnings("default")
def test_arrays_are_measured() -> None:
    pytest.importorskip("numpy")
    found = bulk.run(TINY, {"1kb": 1024})
    assert None not in found.values()


def test_what_is_refused_is_null(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refusing(*_: object) -> object:
        def call(_value: object) -> object:
            raise WasmtimeError("too much\ndata")

        return call

    monkeypatch.setattr(bulk, "stock", refusing)
    found = bulk.run(TINY, {"1kb": 1024})
    stock_of_bytes = {f"{way}_us_1kb" for way in ("stock", "in_stock", "out_stock")}
    assert {name for name in stock_of_bytes if found[name] is None} == stock_of_bytes
    assert "stock@1kb: not measured: too much data" in capsys.readouterr().err


def test_calls_of_the_host_are_measured_beside_stock_and_the_built_in() -> None:
    found = policy.run(TINY)
    ways = ("stock", "bare", "allow", "deny", "print", "read_small", "read_1mb")
    builtin = ("builtin_print", "builtin_read_small", "builtin_read_1mb")
    ratios = ("allow_to_stock", "allow_to_bare", "deny_to_allow", "print_to_builtin", "read_small_to_builtin")
    expected = {f"{way}_us" for way in (*ways, *builtin)} | {
        f"{name}_ratio" for name in (*ratios, "read_1mb_to_builtin")
    }
    assert figures(found) == expected
    assert None not in found.values()


def test_threads_and_processes_are_measured() -> None:
    found = parallel.run(TINY, {"work": 10, "chatty": 2})
    ratios = {"threads_ratio", "processes_ratio", "threads_to_processes_ratio"}
    times = {f"{kind}_{way}_ms" for kind in ("work", "chatty") for way in ("thread", "threads", "processes")}
    assert figures(found) == ratios | {f"chatty_{name}" for name in ratios} | times
    assert None not in found.values()


def test_an_instance_is_measured_and_a_guest_that_cannot_be_built_is_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    found = instantiate.run(TINY, ["small", "javascript"])
    ways = {f"{kind}{way}" for kind in ("small", "javascript") for way in ("_us", "_stock_us", "_pooled_us")}
    assert figures(found) == ways | {"small_to_stock_ratio", "javascript_to_stock_ratio"}
    assert {name for name, value in found.items() if value is not None} == {
        "small_us", "small_stock_us", "small_to_stock_ratio",
    }  # fmt: skip
    pooled, *others = capsys.readouterr().err.splitlines()
    assert pooled == "small_pooled: not measured: a pool is for what takes 200 us to make, which no small guest does"
    why = missing()
    assert "no `node` and no `npm` on PATH" in why
    assert others == [f"javascript{way}: not measured: no JavaScript guest: {why}" for way in ("", "_stock", "_pooled")]


def test_an_instance_is_taken_out_of_a_pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path))
    monkeypatch.setitem(_languages._KINDS, "other", _languages._small)
    with own_engine() as engine, ExitStack() as stack:
        way = instantiate._pooled(engine, "other", stack)
        assert isinstance(way(3), _ways.Taken)


def test_what_idle_instances_keep_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path))
    found = memory.run(Effort(seconds=60.0, rounds=1), ["small"], 20)
    assert figures(found) == {"small_instances", "small_pss_bytes", "small_rss_bytes"}
    assert found["small_instances"] == 20.0


@pytest.mark.usefixtures("no_peers")
def test_a_snippet_is_measured_beside_peers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "letters.wat"
    file.write_text(interpreter())
    monkeypatch.setattr(snippet, "SANDBOXES", {"python": str(file), "javascript": str(file)})
    for name in ("PYTHON", "JAVASCRIPT"):
        monkeypatch.setattr(snippet, name, f"v {snippet.ANSWER}")
    found = snippet.run(TINY, TINY)
    ways = {"python", "fresh", "subprocess", "monty", "javascript", "quickjs", "session"}
    tails = {f"{n}_{p}_us" for n in ("python", "javascript", "fresh", "monty", "quickjs") for p in ("p95", "p99")}
    ratios = {"threads_ratio", "processes_ratio", "threads_to_processes_ratio"}
    assert figures(found) == {f"{way}_us" for way in ways} | tails | ratios | {"resident_bytes"}
    missing = {name for name, value in found.items() if value is None}
    assert missing == {name for name in found if name.startswith(("monty", "quickjs"))}
    ending = "None in sys.modules; `make peers` installs what the benchmarks compare with"
    assert capsys.readouterr().err.splitlines() == [
        f"monty: not measured: import of pydantic_monty halted; {ending}",
        f"quickjs: not measured: import of quickjs halted; {ending}",
    ]


@pytest.mark.parametrize(("package", "make"), [("pydantic_monty", snippet._monty), ("quickjs", snippet._quickjs)])
def test_a_peer_that_is_installed_runs_the_snippet(package: str, make: Any) -> None:
    pytest.importorskip(package)
    with ExitStack() as stack:
        assert make(stack)() == snippet.ANSWER


def test_a_sandbox_that_cannot_be_built_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BuildError("it needs Node\nand more")

    monkeypatch.setattr(snippet, "Sandbox", refuse)
    with own_engine() as engine, pytest.raises(Missing) as caught:
        snippet.sandbox(engine, "javascript", 1)
    assert str(caught.value) == "no sandbox: it needs Node"


def test_taking_back_is_measured_by_pages_and_by_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path))
    found = reverting.run(TINY, [10, 300], [1, 4])
    by_pages = {
        f"{way}{name}us_by_pages" for way in ("", "asked_", "dontneed_") for name in ("", "cycle_")
    } | {f"p{percent}_us_by_pages" for percent in (95, 99)}  # fmt: skip
    by_size = {"us_by_megabytes", "asked_us_by_megabytes"}
    assert set(found) == by_pages | by_size
    for name in by_pages | by_size:
        figures_of = found[name]
        assert isinstance(figures_of, dict)
        assert list(figures_of) == (["10", "300"] if name in by_pages else ["1", "4"])
        assert all(isinstance(value, float) and value > 0 for value in figures_of.values())


def test_calls_are_timed_one_by_one_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    order, now = list[str](), [0.0]
    monkeypatch.setattr("benchmarks._calls.time.perf_counter", lambda: now[0])

    def making(name: str, seconds: float) -> Any:
        def call() -> object:
            order.append(name)
            now[0] += seconds
            return _ways.Taken(7) if name == "b" else None

        return lambda _stack: call

    found = _calls.measure({"a": making("a", 1.0), "b": making("b", 2.0)}, Effort(seconds=4.0, rounds=2))
    assert order == ["a"] * 3 + ["b"] * 2 + (["a"] * 3 + ["b"] * 2) * 2
    assert found == {"a": [1e6] * 6, "b": [7e6] * 4}
    assert _calls.percentile([1.0, 2.0, 9.0], 50) == 2.0
    assert _calls.percentile([float(n) for n in range(101)], 99) == 99.0
    assert _calls.percentile(None, 99) is None
    assert _calls.percentile([3.0], 99) == 3.0


def test_values_are_brought_into_memory_and_back_both_ways() -> None:
    names = ("string_10", "record_of_8")
    found = codec.run(TINY, names)
    endings = [f"{act}{way}" for act in codec.ACTS for way in ("_us", "_ratio")] + [f"c_{a}_us" for a in codec.ACTS]
    assert figures(found) == {f"{name}_{ending}" for name in names for ending in endings}
    assert None not in found.values()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (_guests.text(10), "xxxxxxxxxx"),
        (_guests.items(), ITEM),
        (_guests.items(100), [ITEM] * 100),
        (_guests.numbers("u8", 3, 1), b"\0\0\0"),
        (_guests.numbers("f32", 3, 4), [0.0, 0.0, 0.0]),
    ],
    ids=["string", "record", "records", "bytes", "numbers"],
)
def test_a_guest_passes_its_payload_and_gets_it_back(payload: _guests.Payload, expected: object) -> None:
    back = stock(_guests.echo(payload), "bench:guest/echoing", "echo")
    seen = []

    def serve(value: Any) -> Any:
        seen.append(value)
        seen.append(back(value))
        return value

    loop = stock(_guests.caller(payload), "bench:guest/looping", "loop", serve)
    assert loop(1) == 1
    assert [plain(value) for value in seen] == [expected, expected]


def plain(value: Any) -> Any:
    """wasmtime-py's records as mappings."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return vars(value) if hasattr(value, "__dict__") else value


def test_ways_take_turns_and_a_missing_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def making(name: str) -> Any:
        def way(_times: int) -> None:
            order.append(name)

        def make(_stack: ExitStack) -> Way:
            return way

        return make

    def never(_stack: ExitStack) -> Way:
        raise Missing("there is none")

    found = _ways.measure({"a": making("a"), "none": never, "b": making("b")}, Effort(seconds=1e-9, rounds=3))
    assert order == ["a", "b"] + ["a", "b"] * 2  # Warmed up; calls that take longer than they may have two rounds.
    assert capsys.readouterr().err == "none: not measured: there is none\n"
    assert {name: each and len(each) for name, each in found.items()} == {"a": 2, "none": None, "b": 2}


def test_only_the_making_of_what_is_made_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = [0.0], list[str]()
    monkeypatch.setattr("benchmarks._ways.time.perf_counter", lambda: now[0])

    def step(name: str, seconds: float) -> None:
        order.append(name)
        now[0] += seconds

    def make() -> Any:
        step("make", 1)
        return lambda: step("end", 100)

    assert _ways.made(make, lambda: step("before", 10))(2) == 2.0
    assert order == ["before", "make", "end"] * 2


def test_figures_of_what_is_missing_are_missing() -> None:
    found = {"a": [3.0, 1.0, 2.0], "b": [8.0, 8.0], "none": None}
    assert _ways.medians(found, per=2) == {"a_us": 1.0, "b_us": 4.0, "none_us": None}
    assert _ways.tails(found) == {"a_p90_us": 3.6, "b_p90_us": 8.0, "none_p90_us": None}
    assert _ways.ratio(found, "b", "a") == 4.0
    assert _ways.ratio(found, "b", "none") is None
    assert _ways.ratio(found, "none", "b") is None


def test_a_way_that_answers_wrong_is_no_way() -> None:
    with pytest.raises(RuntimeError) as caught:
        _ways.expect(2, 3, "the loop")
    assert str(caught.value) == "the loop answered 2, not 3"


def test_a_table_has_its_points_below_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"stock_us_1mb": 1676604.872, "fused_us": None, "stock_to_forward_ratio": 6.05, "help_ms": 7, "note": "x"}
    monkeypatch.setattr(hop, "run", lambda: given)
    assert command.main(["hop"]) == 0
    title = command.benchmarks()["hop"]
    assert capsys.readouterr().out == (
        f"hop: {title}\n"
        "  stock_us_1mb            1,676,604.872 us\n"
        "  fused_us                        -     us\n"
        "  stock_to_forward_ratio          6.050 x\n"
        "  help_ms                         7.000 ms\n"
        "  note                                x\n"
    )
    assert command.main(["hop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == given
