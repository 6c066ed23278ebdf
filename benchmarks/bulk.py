"""What lists of numbers cost to move: host and guest, guest and guest, 1 KB to 10 MB, in microseconds a call.

A guest echoes `list<u8>` and `list<f32>`. `stock` calls it through wasmtime-py with the Python values that it takes.
`ours` is a run of a pipeline of one node, its instance kept: bytes in and out, and for f32 a numpy array in and a numpy
array out. `edge` is a guest that holds the list and passes it over a call edge to the echo and gets it back. `in` has
the guest take the list and answer its length, `out` has it make one; `host` is a guest that passes its list to an
import that a Python function serves, and gets it back. What a way cannot carry is null; wasmtime's C API by itself
carries no more than a few million elements.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks._guests import BYTES, caller, echo, numbers
from benchmarks._ours import linked, loop_over_edge, own_engine
from benchmarks._stock import stock
from benchmarks._ways import Effort, Maker, Missing, Way, expect, joined, measure, medians, peer, repeated, say
from orchestrator import OrchestratorError, Pipeline, ValueMismatch

if TYPE_CHECKING:
    from orchestrator import Engine, LinkedPipeline

EFFORT = Effort(seconds=0.7, rounds=9)
SIZES = {"1kb": 1 << 10, "10kb": 10 << 10, "100kb": 100 << 10, "1mb": 1 << 20, "10mb": 10 << 20}
STOCK_CARRIES = 4 << 20
"""Bytes of a list that stock wasmtime-py is asked to carry; above it, its C API refuses."""
WIDTHS = {"u8": 1, "f32": 4}


def run(effort: Effort = EFFORT, sizes: dict[str, int] = SIZES) -> dict[str, object]:
    """The medians of each way and size; the ways that only one size is measured of, at the fourth."""
    parts = []
    with own_engine() as engine:
        for name, size in sizes.items():
            makers = {f"{way}@{name}": make for way, make in _ways(engine, size, full=name == "1mb").items()}
            found = measure(makers, effort)
            parts.append(medians({way.partition("@")[0]: each for way, each in found.items()}, f"_us_{name}"))
    return joined(parts)


def _ways(engine: Engine, size: int, *, full: bool) -> dict[str, Maker]:
    """The ways that a list of so many bytes is moved.

    Arguments:
        full: whether those are among them that are measured at one size only.
    """
    echoed: dict[str, Maker] = {
        "stock": partial(_stock_echo, "u8", size),
        "ours": partial(_bytes, engine, size),
        "edge": partial(_edge, engine, size),
        "f32_stock": partial(_stock_echo, "f32", size),
        "f32_ours": partial(_array, engine, size),
    }
    if not full:
        return echoed
    return echoed | {
        "edge_stock": partial(_stock_edge, size),
        "in": partial(_in, engine, size),
        "in_stock": partial(_stock_in, size),
        "out": partial(_out, engine, size),
        "out_stock": partial(_stock_out, size),
        "host": partial(_host, engine, size),
        "host_stock": partial(_stock_host, size),
    }


# Stock wasmtime-py


def _stock_echo(element: str, size: int, _stack: ExitStack) -> Way:
    if size > STOCK_CARRIES:
        raise Missing("wasmtime's C API carries no list of that many elements")
    call = stock(echo(numbers(element, 0, 1)), "bench:guest/echoing", "echo")
    value = _some(size) if element == "u8" else [0.5] * (size // WIDTHS[element])
    expect(call(value), value, "stock wasmtime-py")
    return repeated(lambda: call(value))


def _stock_edge(size: int, _stack: ExitStack) -> Way:
    back = stock(echo(numbers("u8", 0, 1)), "bench:guest/echoing", "echo")
    return stock(caller(numbers("u8", size, 1)), "bench:guest/looping", "loop", back)


def _stock_host(size: int, _stack: ExitStack) -> Way:
    return stock(caller(numbers("u8", size, 1)), "bench:guest/looping", "loop", lambda value: value)


def _stock_in(size: int, _stack: ExitStack) -> Way:
    call, value = stock(BYTES, "bench:guest/bytes", "measure"), _some(size)
    expect(call(value), size, "stock wasmtime-py")
    return repeated(lambda: call(value))


def _stock_out(size: int, _stack: ExitStack) -> Way:
    call = stock(BYTES, "bench:guest/bytes", "make")
    expect(call(size), b"\7" * size, "stock wasmtime-py")
    return repeated(lambda: call(size))


# Ours


def _bytes(engine: Engine, size: int, stack: ExitStack) -> Way:
    pipeline, value = _echoing(engine, "u8", stack), _some(size)
    expect(_carried(lambda: pipeline.run(data=value)["data"]), value, "the pipeline")
    return repeated(lambda: pipeline.run(data=value)["data"])


def _array(engine: Engine, size: int, stack: ExitStack) -> Way:
    """A numpy array in and one out; through lists where the runtime takes no arrays, which is said."""
    numpy = peer("numpy")
    pipeline, value = _echoing(engine, "f32", stack), numpy.full(size // WIDTHS["f32"], 0.5, "float32")
    given, taken = _forms(pipeline, numpy)

    def call() -> Any:
        return taken(pipeline.run(data=given(value)))

    expect(_carried(call).tobytes(), value.tobytes(), "the pipeline")
    return repeated(call)


def _forms(pipeline: LinkedPipeline, numpy: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """How an array is given to a run, and how one is taken from its result."""
    few, given = numpy.full(4, 0.5, "float32"), _as_it_is
    try:
        result = pipeline.run(data=few)
    except ValueMismatch:
        say("f32_ours: inputs take no arrays: measured with a list in between")
        given = _as_a_list
        result = pipeline.run(data=given(few))
    if hasattr(result, "arrays"):
        return given, lambda result: numpy.asarray(result.arrays["data"])
    say("f32_ours: results give no arrays: measured with a list in between")
    return given, lambda result: numpy.asarray(result["data"], "float32")


def _as_it_is(array: Any) -> Any:
    return array


def _as_a_list(array: Any) -> Any:
    return array.tolist()


def _edge(engine: Engine, size: int, stack: ExitStack) -> Way:
    pipeline = linked(loop_over_edge(engine, numbers("u8", size, 1)), engine, stack)
    return _looped(pipeline)


def _host(engine: Engine, size: int, stack: ExitStack) -> Way:
    front = engine.from_text(caller(numbers("u8", size, 1), bare=True), "caller")
    pipeline = (
        Pipeline("host")
        .input("times", "u32")
        .node("front", front, run="bench:guest/looping.loop", lifetime="session")
        .node("back", python=lambda value: value, signature="func(value: list<u8>) -> list<u8>")
        .data("inputs.times", "front.times")
        .call("front.echo", "back")
        .output("count", "front")
    )
    return _looped(linked(pipeline, engine, stack))


def _looped(pipeline: LinkedPipeline) -> Way:
    expect(_carried(lambda: pipeline.run(times=1)["count"]), 1, "the pipeline")
    return lambda times: pipeline.run(times=times)


def _in(engine: Engine, size: int, stack: ExitStack) -> Way:
    pipeline, value = _one_node(engine, BYTES, "bench:guest/bytes.measure", "list<u8>", stack), _some(size)
    expect(_carried(lambda: pipeline.run(data=value)["data"]), size, "the pipeline")
    return repeated(lambda: pipeline.run(data=value)["data"])


def _out(engine: Engine, size: int, stack: ExitStack) -> Way:
    pipeline = _one_node(engine, BYTES, "bench:guest/bytes.make", "u32", stack)
    expect(_carried(lambda: pipeline.run(data=size)["data"]), b"\7" * size, "the pipeline")
    return repeated(lambda: pipeline.run(data=size)["data"])


def _echoing(engine: Engine, element: str, stack: ExitStack) -> LinkedPipeline:
    return _one_node(engine, echo(numbers(element, 0, 1)), "bench:guest/echoing.echo", f"list<{element}>", stack)


def _one_node(engine: Engine, text: str, function: str, type_: str, stack: ExitStack) -> LinkedPipeline:
    """A pipeline that gives its input `data` to a function, and its answer as its output `data`."""
    pipeline = (
        Pipeline("one")
        .input("data", type_)
        .node("node", engine.from_text(text, "node"), run=function, lifetime="session")
        .data("inputs.data", "node")
        .output("data", "node")
    )
    return linked(pipeline, engine, stack)


def _carried(call: Callable[[], Any]) -> Any:
    """What a first call answers.

    Raises:
        Missing: the runtime refuses a value of that size.
    """
    try:
        return call()
    except OrchestratorError as problem:
        raise Missing(" ".join(str(problem).split())) from None


def _some(size: int) -> bytes:
    """Bytes that are not all the same."""
    return bytes(range(256)) * (size // 256)
