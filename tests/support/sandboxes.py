"""The sandboxes for generated code that ship, run as the host runs them, with tools answered by Python functions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator import Variant, resources
from orchestrator.capability import Authority
from orchestrator.engine import Engine, Frame, InstanceSettings
from orchestrator.interface.types import Interface
from orchestrator.wasi import Session, is_served, serve

Tool = Callable[[Any], Any]
"""Arguments -> the result, both as JSON has them; a `Variant` of `tool-error` is given back as the error."""

SCHEMA = '{"type": "object", "properties": {"query": {"type": "string"}, "max-hits": {"type": "integer"}}}'


class Sandbox:
    """A sandbox with one live instance at a time.

    Arguments:
        language: `python` or `javascript`.
        tools: by name; each says that it takes `query` and `max-hits`.
    """

    def __init__(self, engine: Engine, language: str, tools: Mapping[str, Tool], memory: int = 256 << 20) -> None:
        self._tools, self._memory = tools, memory
        component = engine.load(resources.component(f"sandbox-{language}"))
        self.imports = [str(item.name) for item in component.world.imports]
        self._linker = engine.linker(component)
        self.listed = 0
        for item in component.world.imports:
            assert isinstance(item, Interface)
            if is_served(item):
                serve(self._linker, item)
                continue
            for function in item.functions:
                self._linker.define(item.name, function, self._list if function.name == "list" else self._call)
        exported = next(i for i in component.world.exports if isinstance(i, Interface) and i.name.namespace == "agent")
        self._export = exported.name, exported.functions[0]
        self.fresh()

    def fresh(self) -> None:
        """Makes a new instance."""
        if instance := getattr(self, "_instance", None):
            instance.close()
        settings = InstanceSettings(host=Session(Authority()), memory=self._memory)
        self._instance = self._linker.instantiate(Frame(), settings)

    def close(self) -> None:
        self._instance.close()
        self._linker.close()

    def run(self, source: str, seconds: float = 120, **inputs: Any) -> Any:
        """What a run gives: the outcome, or the error as a `Variant`; inputs are written as JSON."""
        return self.run_texts(source, [(name, json.dumps(value)) for name, value in inputs.items()], seconds)

    def run_texts(self, source: str, inputs: Sequence[tuple[str, str]], seconds: float = 120) -> Any:
        """The same, with each input as its JSON."""
        given = [{"name": name, "value": text} for name, text in inputs]
        with self._instance.entered(Frame(deadline=time.monotonic() + seconds)):
            found = self._instance.call(*self._export, [source, given])
        return found["ok"] if "ok" in found else found["err"]

    def value(self, source: str, **inputs: Any) -> Any:
        """The value of a snippet, out of JSON."""
        found = self.run(source, **inputs)
        assert isinstance(found, dict), found
        return json.loads(found["value"])

    def error(self, source: str, **inputs: Any) -> Variant:
        """The error that a snippet comes to."""
        found = self.run(source, **inputs)
        assert isinstance(found, Variant), found
        return found

    def _list(self, _caller: Any, _values: Any) -> Any:
        self.listed += 1
        return [{"name": name, "description": f"It is {name}.", "schema": SCHEMA} for name in sorted(self._tools)]

    def _call(self, _caller: Any, values: Sequence[Any]) -> Any:
        name, arguments = values
        found = self._tools[name](json.loads(arguments))
        return {"err": found} if isinstance(found, Variant) else {"ok": json.dumps(found)}
