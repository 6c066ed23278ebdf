"""A value sent on every path that a value can take through a pipeline, and what must be the same on all of them.

The paths: in and out of a node; over a call edge, with and without a rule that sees the values; over a fused edge; over
data edges, where it is used several times, wrapped into an option, and taken out of both sides of a result; to a
function in Python and back; as JSON to a tool and back. Each with every setting of `bulk` at both ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import pytest

from orchestrator import Contract, Engine, LinkedPipeline, Pipeline
from orchestrator.audit import Event, Recorder
from orchestrator.contract import Checks, compile_contract
from orchestrator.interface import types as t
from orchestrator.interface.convert import from_json, has_json, to_json
from orchestrator.interface.plain import plain
from orchestrator.interface.show import show_type
from orchestrator.interface.sizes import size
from orchestrator.link import contracts
from orchestrator.manifest.model import Bulk, CallEdge, Limits
from orchestrator.pipeline import linking
from tests.support import echoes
from tests.support.parts import AGENT, TOOL_USER
from tests.support.strategies import same

PLENTY = 1 << 40
"""Fuel that no test uses up."""
BULKS: tuple[Bulk, ...] = ("auto", "always", "never")
SEES_VALUE = Contract(ensure=("true || [value] == [value]",))
SEES_CALL = Contract(require=("true || [args.x] == [args.x]",), ensure=("true || [result] == [result]",))


class Seen:
    """What the rules of contracts are shown, of pipelines that are linked while it is there: values and sizes."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.values: list[Any] = []
        self.sizes: list[int] = []

        def watched(*given: Any) -> Any:
            checks, found = compile_contract(*given)
            return (None if checks is None else self._watched(checks)), found

        patch.setattr(contracts, "compile_contract", watched)
        patch.setattr(linking, "_packages", cache(linking._packages))

    def _watched(self, checks: Checks) -> Checks:
        def before(ledger: Any, bytes_: int, args: Any) -> Any:
            self._see(bytes_, next(iter(args().values())))
            return checks.before(ledger, bytes_, args)

        def after(ledger: Any, bytes_: int, result: Any) -> Any:
            self._see(bytes_, result())
            return checks.after(ledger, bytes_, result)

        return replace(checks, before=before, after=after)

    def _see(self, bytes_: int, value: Any) -> None:
        self.values.append(value)
        self.sizes.append(bytes_)

    def clear(self) -> None:
        """Forgets what was seen so far."""
        self.values.clear()
        self.sizes.clear()


@dataclass(frozen=True)
class Path:
    """A pipeline with the input `x`, and what it must give.

    Arguments:
        outputs: the outputs that are the value itself; `wrapped` is an option of it.
        seen: how often rules see the value.
    """

    name: str
    linked: LinkedPipeline
    outputs: tuple[str, ...]
    seen: int = 0


class EveryPath:
    """All paths for one type, linked. A context manager.

    Arguments:
        type_: without handles; no `result` itself, since a node's is taken apart.
        seen: made before this.
        metered: which of two neighbours has a limit of fuel, 0 or 1; None for no limits. Fused nodes all have one.
    """

    def __init__(self, engine: Engine, type_: t.Type, seen: Seen, metered: int | None = None) -> None:
        assert not isinstance(type_, t.Result)
        self._engine, self.type, self._seen, self._metered = engine, type_, seen, metered
        self._echo = engine.from_text(echoes.echo(type_), "echo")
        self._some = engine.from_text(echoes.echo(t.Option(type_)), "some")
        self._relay = engine.from_text(echoes.relay(type_), "relay")
        self._stack = ExitStack()
        self._given: list[Any] = []
        """What functions in Python were given."""
        try:
            self._recorder = self._stack.enter_context(Recorder())
            self.paths = list(self._linked())
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> EveryPath:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _linked(self) -> Iterator[Path]:
        for name, pipeline, outputs, seen in self._pipelines():
            self._limit(pipeline)
            linked = self._stack.enter_context(pipeline.link(self._engine, recorder=self._recorder))
            yield Path(name, linked, outputs, seen)

    def _limit(self, pipeline: Pipeline) -> None:
        """Gives every other store a limit of fuel."""
        if self._metered is None:
            return
        fused = any(isinstance(edge, CallEdge) and edge.fuse for edge in pipeline.manifest.edges)
        guests = [node.name for node in pipeline.manifest.nodes if node.python is None]
        for name in guests if fused else guests[self._metered :: 2]:
            pipeline.replace(name, limits=Limits(fuel=PLENTY))

    def _pipelines(self) -> Iterator[tuple[str, Pipeline, tuple[str, ...], int]]:
        for bulk in BULKS:
            yield f"in and out, {bulk}", self._alone(bulk), ("out",), 0
            yield f"fused, {bulk}", self._call(bulk, bulk, fuse=True), ("out",), 0
            yield f"python, {bulk}", self._python(bulk), ("out", "mid"), 1
        for one, other in product(BULKS, BULKS):
            yield f"call, {one} to {other}", self._call(one, other), ("out",), 0
            yield f"seen call, {one} to {other}", self._call(one, other, contract=SEES_CALL), ("out",), 2
            names = ("out", "again", "err", "two", "given", "first", "second")
            yield f"data, {one} to {other}", self._data(one, other), names, 2
        if has_json(self.type):
            for bulk in BULKS:
                yield f"tool, {bulk}", self._tool(bulk), (), 2

    def _begun(self) -> Pipeline:
        return Pipeline("path").input("x", self.type)

    def _alone(self, bulk: Bulk) -> Pipeline:
        pipeline = self._begun().node("one", self._echo, run="echo", bulk=bulk)
        return pipeline.data("inputs.x", "one").output("out", "one")

    def _call(self, one: Bulk, other: Bulk, **edge: Any) -> Pipeline:
        return (
            self._begun()
            .node("relay", self._relay, run="relay", bulk=one)
            .node("echo", self._echo, bulk=other)
            .data("inputs.x", "relay")
            .call("relay.echo", "echo.echo", **edge)
            .output("out", "relay")
        )

    def _python(self, bulk: Bulk) -> Pipeline:
        def function(x: Any) -> Any:
            self._given.append(x)
            return x

        shown = show_type(self.type, full=True)
        signature = f"func(x: {shown}) -> {shown}"
        return (
            self._begun()
            .node("relay", self._relay, run="relay", bulk=bulk)
            .node("served", python=function, signature=signature)
            .node("mid", python=function, signature=signature)
            .node("last", self._echo, run="echo", bulk=bulk)
            .data("inputs.x", "relay")
            .call("relay.echo", "served")
            .data("relay", "mid")
            .data("mid", "last", contract=SEES_VALUE)
            .output("mid", "mid")
            .output("out", "last")
        )

    def _data(self, one: Bulk, other: Bulk) -> Pipeline:
        return (
            self._begun()
            .node("given", self._echo, run="give", bulk=one)
            .node("two", self._echo, run="echo", bulk=other)
            .node("out", self._echo, run="echo", bulk=one)
            .node("again", self._echo, run="echo", bulk=other)
            .node("some", self._some, run="echo", bulk=other)
            .node("failing", self._echo, run="fail", bulk=one)
            .node("err", self._echo, run="echo", bulk=other)
            .data("inputs.x", "given")
            .data("given", "two", contract=SEES_VALUE)
            .data("two", "out")
            .data("two", "again")
            .data("two", "some", contract=SEES_VALUE)
            .data("given", "failing")
            .data("failing.err", "err")
            .node("both", self._echo, run="both", args={"n": 7}, bulk=one)
            .data("out", "both.x")
            .data("again", "both.y")
            .output("given", "given")
            .output("two", "two")
            .output("out", "out")
            .output("again", "again")
            .output("err", "err")
            .output("wrapped", "some")
            .output("first", "both.0")
            .output("second", "both.1")
        )

    def _tool(self, bulk: Bulk) -> Pipeline:
        return (
            Pipeline("path")
            .input("arguments", "string")
            .node("agent", self._engine.from_text(TOOL_USER, "agent"), run=f"{AGENT}.call", args={"name": "echo"})
            .node("echo", self._echo, bulk=bulk)
            .data("inputs.arguments", "agent.arguments")
            .tool("agent", "echo.echo", contract=SEES_CALL)
            .output("json", "agent")
        )

    # Running

    def check(self, value: Any) -> None:
        """Sends the value on each path; AssertionError names the one on which something is not as it should be."""
        for path in self.paths:
            self._seen.clear()
            self._given.clear()
            wrong = self._wrong(path, value)
            assert not wrong, f"{path.name}: {show_type(self.type, full=True)} of {value!r}: {wrong}"

    def _wrong(self, path: Path, value: Any) -> str:
        inputs = {"x": value}
        if not path.outputs:
            inputs = {"arguments": json.dumps({"x": to_json(self.type, value)})}
        result = path.linked.run(inputs)
        outputs, arrays = dict(result.outputs), result.arrays
        values = [("output " + name, outputs[name]) for name in path.outputs]
        values += [("array " + name, plain(self.type, arrays[name])) for name in path.outputs]
        if "wrapped" in outputs:
            some = outputs["wrapped"]
            values.append(("wrapped", some["some"] if isinstance(self.type, t.Option) else some))
        if "json" in outputs:
            values.append(("json", from_json(self.type, json.loads(outputs["json"]))))
        seen = self._seen.values
        values += [("given", one) for one in self._given] + [("seen", plain(self.type, one)) for one in seen]
        found = [f"{name} is {one!r}" for name, one in values if not same(self.type, one, value)]
        if len(seen) != path.seen:
            found.append(f"rules saw {len(seen)} values")
        return "; ".join(found + self._sizes(result.events, value))

    def _sizes(self, events: Sequence[Event], value: Any) -> list[str]:
        """What is wrong with the sizes that events give."""
        wanted = size(self.type, value)
        found = [f"a rule was told {bytes_} bytes of {wanted}" for bytes_ in self._seen.sizes if bytes_ != wanted]
        for event in events:
            expected = self._expected(event, value, wanted)
            if expected is not None and (event.request, event.response) != expected:
                about = f"{event.kind} {event.node} {event.edge}"
                found.append(f"{about} has {event.request}, {event.response} bytes, not {expected}")
        return found

    def _expected(self, event: Event, value: Any, wanted: int) -> tuple[int, int] | None:
        """The sizes of request and response of an event; None for one that has none, or other values."""
        if event.kind == "call":
            return wanted, wanted
        if event.node == "agent":
            return None
        if event.kind == "data":
            return wanted, -1
        if event.kind != "node":
            return None
        if event.node in ("given", "failing"):
            return wanted, size(t.Result(self.type, t.STRING), {"ok": value})
        if event.node == "both":
            return 2 * wanted + 4, size(t.Tuple((self.type, self.type)), (value, value))
        if event.node == "some":
            some = {"some": value} if isinstance(self.type, t.Option) else value
            return (size(t.Option(self.type), some),) * 2
        return wanted, wanted
