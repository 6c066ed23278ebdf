"""`agent:core/tools` over Python functions: what a program gives the snippets of its sandbox.

A tool runs in the host, trusted; its arguments are checked before it is called. What it raises the snippet gets as an
error that it may handle. Not for tools of a pipeline, which are edges.
"""

from __future__ import annotations

import inspect
import json
import re
import time
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ValueMismatch
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.convert import load_json
from orchestrator.interface.values import Variant
from orchestrator.link.annotations import NoType
from orchestrator.link.answers import TOOLS
from orchestrator.sandbox._forms import ANYTHING, Shape, shape_of
from orchestrator.sandbox._pool import inside
from orchestrator.sandbox._stay import Stay
from orchestrator.wording import suggest

if TYPE_CHECKING:
    from orchestrator.engine import Instance

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_LONGEST = 200
"""Characters of a tool's name that no tool has, as it is told of."""
_MOST_SAID = 16 << 10
"""Characters of what a tool raised that a snippet is told."""
_MOST_GIVEN = 64 << 20
"""Characters of a tool's arguments."""
_BY_NAME = "name each parameter, so that a snippet can be told what it takes"

Answer = dict[str, Any]
_DECISIONS = {"": "allowed", "denied": "denied"}
"""What is said of a call by the error that it gave; of every other one that it failed."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    shape: Shape
    required: bool
    positional: bool


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that snippets may call.

    Arguments:
        name: what they call it by.
        description: what they are told of it.
        function: it takes what `parameters` say.
        result: the shape of what it gives.
        is_async: whether calling it gives something to await.
    """

    name: str
    description: str
    function: Callable[..., Any]
    parameters: tuple[_Parameter, ...]
    result: Shape
    is_async: bool

    @property
    def listed(self) -> dict[str, str]:
        """What `list` says of it."""
        schema = {
            "type": "object",
            "properties": {each.name: dict(each.shape.schema) for each in self.parameters},
            "required": [each.name for each in self.parameters if each.required],
            "additionalProperties": False,
        }
        return {
            "name": self.name,
            "description": self.description,
            "schema": json.dumps(schema, ensure_ascii=False),
        }

    def arguments(self, text: str) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call.

        Raises:
            ValueMismatch: they are no JSON, or do not fit.
        """
        given = load_json(text or "{}")
        if not isinstance(given, dict):
            raise ValueMismatch("arguments", "an object with the parameters by name", "other JSON")
        known = {each.name for each in self.parameters}
        for name in given:
            if name not in known:
                help_ = suggest(name, known, "it takes")
                raise ValueMismatch(f"arguments.{name[:_LONGEST]}", f"a parameter of `{self.name}`", f"none; {help_}")
        return self._read(given)

    def _read(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        positional, named = list[Any](), dict[str, Any]()
        for each in self.parameters:
            if each.name not in given:
                if each.required:
                    raise ValueMismatch(f"arguments.{each.name}", "a value", "none")
                continue
            value = each.shape.read(given[each.name], f"arguments.{each.name}")
            if each.positional:
                positional.append(value)
            else:
                named[each.name] = value
        return positional, named


class Toolbox:
    """The tools of a sandbox.

    Arguments:
        functions: by the names that snippets call them by.

    Raises:
        TypeError, ValueError: a name is none, or a function cannot be a tool.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._tools = {name: tool(name, function) for name, function in sorted(functions.items())}
        seen: dict[str, str] = {}
        for name in self._tools:
            first = seen.setdefault(name.replace("-", "_").lower(), name)
            if first != name:
                raise ValueError(f"a snippet could not tell the tools `{first}` and `{name}` apart: rename one")
        self._listed = [each.listed for each in self._tools.values()]

    def __len__(self) -> int:
        return len(self._tools)

    def functions(self) -> dict[str, Callable[[Instance, Sequence[Any]], Any]]:
        """What answers the functions of `agent:core/tools`, by name."""
        return {"list": lambda _caller, _values: self._listed, "call": self._call}

    def _call(self, caller: Instance, values: Sequence[Any]) -> Answer:
        name, text = values
        stay, began, answer = caller.frame, time.perf_counter_ns(), None
        assert isinstance(stay, Stay)
        stay.calls += 1
        try:
            answer = self._answer(caller, stay, name, text)
            return answer
        finally:
            if stay.run.told:
                self._tell(stay, began, name if name in self._tools else "", text, answer)

    @staticmethod
    def _tell(stay: Stay, began: int, name: str, text: str, answer: Answer | None) -> None:
        """Records a call of a tool; one without an answer was ended."""
        failed = answer["err"].case if answer is not None and "err" in answer else ""
        decision = "cancelled" if answer is None else _DECISIONS.get(failed, "failed")
        response = len(answer["ok"].encode()) if answer is not None and "ok" in answer else -1
        detail = {"error_type": failed} if failed else None
        run, took = stay.run, time.perf_counter_ns() - began
        run.record(
            (
                "call", run.epoch + began, took, run.id, run.span(), stay.span, "", "", name or TOOLS,
                len(text.encode()), response, decision, "", detail,
            )
        )  # fmt: skip

    def _answer(self, caller: Instance, stay: Stay, name: str, text: str) -> Answer:
        found = self._tools.get(name)
        if found is None:
            return _error("not-found", f"{name[:_LONGEST]} (there is {', '.join(self._tools) or 'none'})")
        try:
            if len(text) > _MOST_GIVEN:
                raise ValueMismatch("arguments", f"at most {_MOST_GIVEN >> 20} Mi characters", f"{len(text)}")
            with Allowance(check=caller.check):
                positional, named = found.arguments(text)
        except ValueMismatch as problem:
            return _error("invalid-arguments", _plain(str(problem)))
        mark = inside.set(stay.place)
        try:
            result = found.function(*positional, **named)
            if found.is_async:
                result = stay.awaited(result)
            return {"ok": json.dumps(found.result.write(result, "the result"), ensure_ascii=False)}
        except PermissionError as problem:
            return _error("denied", _said(problem))
        except Exception as problem:
            caller.check()  # what stopped the snippet stops it here, and is no error of the tool
            return _error("failed", json.dumps(_said(problem), ensure_ascii=False))
        finally:
            inside.reset(mark)


def _error(case: str, message: str) -> Answer:
    return {"err": Variant(case, message)}


def _plain(text: str) -> str:
    """A text as a snippet may be told it: not too long; what UTF-8 has no form for is written as escapes."""
    return text[:_MOST_SAID].encode("utf-8", "backslashreplace").decode()


def _said(problem: Exception) -> str:
    """What a snippet is told of an exception."""
    kind, said = type(problem).__name__, str(problem)
    denied = isinstance(problem, PermissionError)
    text = (said or kind) if denied else f"{kind}: {said}" if said else kind
    return _plain(text)


def tool(name: Any, function: Any) -> Tool:
    """The tool that a function is.

    Raises:
        TypeError: it is no function, or its parameters cannot be told to a snippet.
        ValueError: the name is none.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a tool is a text, not of type {type(name).__name__}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"`{name[:_LONGEST]}` cannot name a tool: 64 letters, digits, `_` and `-`, a letter first")
    if not callable(function):
        raise TypeError(f"the tool `{name}` is a function, not of type {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _unusable(name, "it is a generator", "return a list")
    signature, hints = _signature(name, function)
    parameters = tuple(_parameter(name, each, hints) for each in signature.parameters.values())
    result = (
        ANYTHING if hints.get("return", Any) is type(None) else _shape(name, "its result", hints.get("return", Any))
    )
    is_async = any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))
    return Tool(name, inspect.getdoc(function) or "", function, parameters, result, is_async)


def _signature(name: str, function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """Its parameters, and the annotations with their names resolved."""
    annotated: Any = function if inspect.isroutine(function) else type(function).__call__
    if inspect.isclass(function):
        annotated = vars(function).get("__init__", function)
    try:
        return inspect.signature(function), typing.get_type_hints(annotated)
    except Exception as problem:
        raise _unusable(name, f"its parameters cannot be read: {problem}", "wrap it in a function") from None


def _parameter(tool: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> _Parameter:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise _unusable(tool, f"`{parameter.name}` takes any number of values", _BY_NAME)
    shape = _shape(tool, f"its parameter `{parameter.name}`", hints.get(parameter.name, Any))
    required = parameter.default is parameter.empty
    return _Parameter(parameter.name, shape, required, parameter.kind is parameter.POSITIONAL_ONLY)


def _shape(tool: str, what: str, hint: Any) -> Shape:
    try:
        return shape_of(hint)
    except NoType as problem:
        help_ = problem.help or "use a type that JSON has a form for"
        raise _unusable(tool, f"{what} has no form in JSON: {problem.message}", help_) from None


def _unusable(tool: str, why: str, help: str) -> TypeError:
    return TypeError(f"the function of the tool `{tool}` cannot be one: {why}; {help}")
