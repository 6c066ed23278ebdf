"""What lists of numbers cost to move: host and guest, guest and guest, 1 KB to 10 MB, in microseconds a call.

The lists are of `u8`, given and taken as bytes, and of `f32` (the figures that begin with `f32_`), given and taken as
numpy arrays. A guest echoes them: `stock` calls it through wasmtime-py with the Python values that it takes, `ours` is
a run of a pipeline of one node, its instance kept. `in` has the guest take the list and answer its length, `out` has it
make one. `edge` is a guest that holds the list and passes it over a call edge to the echo and gets it back, `host` one
that passes it to an import that a Python function serves, and gets it back. What a way cannot carry is null: wasmtime's
C API gives no more than a few million elements in a call.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wasmtime import WasmtimeError

from benchmarks._guests import Payload, caller, echo, lists, numbers
from benchmarks._ours import linked, loop_over_edge, own_engine
from benchmarks._stock import stock
from benchmarks._ways import Effort, Maker, Missing, Way, expect, joined, measure, medians, peer, repeated
from orchestrator import OrchestratorError, Pipeline

if TYPE_CHECKING:
    from orchestrator import Engine, LinkedPipeline, Result

EFFORT = Effort(seconds=0.7, rounds=9)
SIZES = {"1kb": 1 << 10, "10kb": 10 << 10, "100kb": 100 << 10, "1mb": 1 << 20, "10mb": 10 << 20}


def run(effort: Effort = EFFORT, sizes: dict[str, int] = SIZES) -> dict[str, object]:
    """The medians of each way, element and size; the ways that only one size is measured of, at the fourth."""
    parts = []
    with own_engine() as engine:
        for name, size in sizes.items():
            for lists_of in (Bytes(engine, size), Floats(engine, size)):
                ways = lists_of.ways(full=name == "1mb")
                found = measure({f"{lists_of.prefix}{way}@{name}": make for way, make in ways.items()}, effort)
                parts.append(medians({way.partition("@")[0]: each for way, each in found.items()}, f"_us_{name}"))
    return joined(parts)


class Bytes:
    """The ways that a `list<u8>` of so many bytes is moved."""

    prefix, element, width = "", "u8", 1

    def __init__(self, engine: Engine, size: int) -> None:
        self._engine, self._size = engine, size
        self._count = size // self.width

    def ways(self, *, full: bool) -> dict[str, Maker]:
        """The ways by name.

        Arguments:
            full: whether those are among them that are measured at one size only.
        """
        found: dict[str, Maker] = {
            "stock": self._stock_echo,
            "ours": self._echo,
            "edge": self._edge,
            "in": self._take,
            "in_stock": self._stock_take,
            "out": self._make,
            "out_stock": self._stock_make,
        }
        few: dict[str, Maker] = {"edge_stock": self._stock_edge, "host": self._host, "host_stock": self._stock_host}
        return found | few if full else found

    # What differs between elements

    def _given(self) -> Any:
        """The list as it is given to a run: bytes that are not all the same."""
        return bytes(range(256)) * (self._size // 256)

    def _given_to_stock(self) -> Any:
        """The same list as wasmtime-py takes it."""
        return self._given()

    def _taken(self, result: Result) -> Any:
        """The list that a run gave, in the form in which it is given."""
        return result["data"]

    # Stock wasmtime-py

    def _stock_echo(self, _stack: ExitStack) -> Way:
        value, call = self._given_to_stock(), stock(self._echo_guest(), "bench:guest/echoing", "echo")
        expect(_carried(lambda: call(value)), value, "stock wasmtime-py")
        return repeated(lambda: call(value))

    def _stock_take(self, _stack: ExitStack) -> Way:
        value, call = self._given_to_stock(), stock(self._lists_guest(), "bench:guest/lists", "measure")
        expect(_carried(lambda: call(value)), self._count, "stock wasmtime-py")
        return repeated(lambda: call(value))

    def _stock_make(self, _stack: ExitStack) -> Way:
        call = stock(self._lists_guest(), "bench:guest/lists", "make")
        expect(_carried(lambda: len(call(self._count))), self._count, "stock wasmtime-py")
        return repeated(lambda: call(self._count))

    def _stock_edge(self, _stack: ExitStack) -> Way:
        return self._stock_loop(stock(self._echo_guest(), "bench:guest/echoing", "echo"))

    def _stock_host(self, _stack: ExitStack) -> Way:
        return self._stock_loop(lambda value: value)

    def _stock_loop(self, back: Callable[[Any], Any]) -> Way:
        loop = stock(caller(self._held()), "bench:guest/looping", "loop", back)
        expect(_carried(lambda: loop(1)), 1, "the stock loop")
        return loop

    # Ours

    def _echo(self, stack: ExitStack) -> Way:
        value, pipeline = self._given(), self._node(self._echo_guest(), "bench:guest/echoing.echo", self._type(), stack)
        expect(bytes(_carried(lambda: self._taken(pipeline.run(data=value)))), bytes(value), "the pipeline")
        return repeated(lambda: self._taken(pipeline.run(data=value)))

    def _take(self, stack: ExitStack) -> Way:
        value, pipeline = (
            self._given(),
            self._node(self._lists_guest(), "bench:guest/lists.measure", self._type(), stack),
        )
        expect(_carried(lambda: pipeline.run(data=value)["data"]), self._count, "the pipeline")
        return repeated(lambda: pipeline.run(data=value)["data"])

    def _make(self, stack: ExitStack) -> Way:
        pipeline, count = self._node(self._lists_guest(), "bench:guest/lists.make", "u32", stack), self._count
        expect(bytes(_carried(lambda: self._taken(pipeline.run(data=count)))), b"\7" * self._size, "the pipeline")
        return repeated(lambda: self._taken(pipeline.run(data=count)))

    def _edge(self, stack: ExitStack) -> Way:
        return _looped(linked(loop_over_edge(self._engine, self._held()), self._engine, stack))

    def _host(self, stack: ExitStack) -> Way:
        front = self._engine.from_text(caller(self._held(), bare=True), "caller")
        pipeline = (
            Pipeline("host")
            .input("times", "u32")
            .node("front", front, run="bench:guest/looping.loop", lifetime="session")
            .node("back", python=_same, signature=f"func(value: {self._type()}) -> {self._type()}")
            .data("inputs.times", "front.times")
            .call("front.echo", "back")
            .output("count", "front")
        )
        return _looped(linked(pipeline, self._engine, stack))

    def _echo_guest(self) -> str:
        return echo(numbers(self.element, 0, self.width))

    def _lists_guest(self) -> str:
        return lists(self.element, self.width)

    def _held(self) -> Payload:
        return numbers(self.element, self._count, self.width)

    def _type(self) -> str:
        return f"list<{self.element}>"

    def _node(self, text: str, function: str, type_: str, stack: ExitStack) -> LinkedPipeline:
        """A pipeline that gives its input `data` to a function, and its answer as its output `data`."""
        pipeline = (
            Pipeline("one")
            .input("data", type_)
            .node("node", self._engine.from_text(text, "node"), run=function, lifetime="session")
            .data("inputs.data", "node")
            .output("data", "node")
        )
        return linked(pipeline, self._engine, stack)


class Floats(Bytes):
    """The ways that a `list<f32>` is moved: as numpy arrays, and through wasmtime-py as lists of Python's floats."""

    prefix, element, width = "f32_", "f32", 4

    @cached_property
    def numpy(self) -> Any:
        """The package; raises Missing where it is not installed."""
        return peer("numpy")

    def _given(self) -> Any:
        return self.numpy.full(self._count, 0.5, "float32")

    def _given_to_stock(self) -> Any:
        return [0.5] * self._count

    def _taken(self, result: Result) -> Any:
        return self.numpy.asarray(result.arrays["data"])


def _same(value: memoryview) -> memoryview:
    return value


def _looped(pipeline: LinkedPipeline) -> Way:
    expect(_carried(lambda: pipeline.run(times=1)["count"]), 1, "the pipeline")
    return lambda times: pipeline.run(times=times)


def _carried(call: Callable[[], Any]) -> Any:
    """What a first call answers.

    Raises:
        Missing: the runtime refuses a value of that size.
    """
    try:
        return call()
    except (OrchestratorError, WasmtimeError) as problem:
        raise Missing(" ".join(str(problem).split())) from None
