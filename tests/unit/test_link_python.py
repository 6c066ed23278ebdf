"""Python functions as nodes: signatures from annotations or given, values converted."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from orchestrator.errors import WitError
from orchestrator.interface import show_function, show_type
from orchestrator.interface.types import Function
from orchestrator.link.annotations import NoType, form_of
from orchestrator.link.linker import Linking
from orchestrator.link.model import LinkedNode
from orchestrator.link.signature import parse_signature
from orchestrator.manifest.model import Manifest, Node, PythonFunction
from tests.support.link_worlds import linked, linking, shown


class Mood(enum.Enum):
    GOOD = 1
    VERY_BAD = 2


@dataclass
class Part:
    short_name: str
    mood: Mood
    sizes: tuple[int, ...] = ()


@dataclass
class Endless:
    inner: list[Endless]


def built(function: Callable[..., Any] | str, signature: str = "", args: dict[str, Any] | None = None) -> Linking:
    node = Node("a", python=PythonFunction(function, signature), args=args or {})
    return linking(Manifest("built", nodes=(node,)), python_nodes=True)


def node(function: Callable[..., Any], args: dict[str, Any], signature: str = "") -> LinkedNode:
    found = built(function, signature, args)
    assert found.graph is not None, shown(found)
    return found.graph.nodes["a"]


def function_of(made: LinkedNode) -> Function:
    assert made.run is not None
    return made.run.function


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (str, "string"),
        (bool, "bool"),
        (int, "s64"),
        (float, "f64"),
        (bytes, "list<u8>"),
        (list[str], "list<string>"),
        (tuple[int, ...], "list<s64>"),
        (tuple[int, str], "tuple<s64, string>"),
        (int | None, "option<s64>"),
        (Literal["a", "bB"], "enum { a, b-b }"),
        (Mood, "enum { good, very-bad }"),
        (Part, "record { short-name: string, mood: enum { good, very-bad }, sizes: list<s64> }"),
    ],
)
def test_annotations_have_types(hint: Any, expected: str) -> None:
    assert show_type(form_of(hint).type, full=True) == expected


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (dict[str, int], "`dict[str, int]` has no WIT type"),
        (list, "`list` has no WIT type"),
        (int | str, "`int | str` has no WIT type"),
        (Literal["a", 1], "`Literal['a', 1]` has no WIT type"),
        (Any, "`Any` has no WIT type"),
        (object, "`object` has no WIT type"),
        (Endless, "a type of more than 32 levels, or one that contains itself"),
    ],
)
def test_annotations_without_a_type_say_so(hint: Any, message: str) -> None:
    with pytest.raises(NoType) as caught:
        form_of(hint)
    assert caught.value.message == message


def test_values_become_what_the_function_wants_and_back() -> None:
    def shorten_parts(parts: list[Part], *, at_most: int = 2, mood: Mood | None = None) -> list[Part]:
        """Shortens."""
        return [Part(part.short_name[:at_most], mood or part.mood, part.sizes) for part in parts]

    made = node(shorten_parts, {"parts": []})
    function = function_of(made)
    expected = "shorten-parts: func(parts: list<part>, at-most: option<s64>, mood: option<mood>) -> list<part>"
    assert show_function(function) == expected
    assert function.docs == "Shortens."
    assert made.python is not None
    parts = [{"short-name": "abc", "mood": "very-bad", "sizes": [1]}]
    assert made.python(parts, None, None) == [{"short-name": "ab", "mood": "very-bad", "sizes": [1]}]
    assert made.python(parts, 1, "good") == [{"short-name": "a", "mood": "good", "sizes": [1]}]


def test_a_given_signature_is_taken_and_values_are_passed_as_they_are() -> None:
    made = node(lambda *values: values, {"a": 1}, "func(a: u8, b: option<agent:data/documents.document>) -> result<u8>")
    assert [show_type(p.type) for p in function_of(made).params] == ["u8", "option<document>"]
    assert function_of(made).name == "run"
    assert made.python is not None
    assert made.python(1, None) == (1, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a: u8)", "a signature begins with `func(`"),
        ("func(a: u8", "the parenthesis after `func` is never closed"),
        ("func(a: u8, a: u8)", "two parameters have the same name"),
        ("func(u8)", "`u8` is no parameter"),
        ("func() u8", "expected `->` or nothing after the parameters, found `u8`"),
        ("func(" + "a" * 30_000, "a signature of 30005 characters; at most 20000 are read"),
    ],
)
def test_what_is_no_signature(text: str, message: str) -> None:
    with pytest.raises(WitError) as caught:
        parse_signature(text, "f")
    assert caught.value.message == message


def test_a_signature_may_hold_brackets_in_brackets() -> None:
    found = parse_signature(
        " func ( a: tuple<u8, list<record { x: u8, y: u8 }>>, %b: result<_, string> ,) -> u8 ;", "f"
    )
    assert [p.name for p in found.params] == ["a", "b"]


def unannotated(a):  # type: ignore[no-untyped-def]
    return a


def silent(a: int):  # type: ignore[no-untyped-def]
    return a


def any_number(*values: int) -> int:
    return sum(values)


async def later(a: int) -> int:
    return a


def from_dict(a: dict[str, int]) -> None:
    del a


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (unannotated, "its parameter `a` has no annotation"),
        (silent, "it does not say what it returns"),
        (any_number, "its parameter `values` takes any number of values"),
        (later, "it is an async function"),
        (from_dict, "its parameter `a` has no WIT type"),
        ("tests.unit.test_link_python:Mood.GOOD", "it is a Mood, not a function"),
        ("tests.unit.test_link_python:absent", "`tests.unit.test_link_python` has no `absent`"),
    ],
)
def test_what_cannot_be_a_node(function: Callable[..., Any] | str, message: str) -> None:
    (found,) = built(function).diagnostics
    assert (found.code, found.message) == ("python-node", f"the function of `a` cannot be a node: {message}")
    assert found.place == "node `a`"


def test_a_named_function_needs_permission_and_a_callable_does_not() -> None:
    refused = linked('pipeline: p\nnodes:\n  a: {python: "os:getcwd"}', python_nodes=False)
    assert [diagnostic.code for diagnostic in refused.diagnostics] == ["python-not-allowed"]

    def run() -> str:
        return ""

    closure = Manifest("built", nodes=(Node("a", python=PythonFunction(run)),))
    assert linking(closure, python_nodes=False).graph is not None


def test_a_python_node_answers_calls_and_is_a_tool() -> None:
    found = linked("""
pipeline: p
nodes:
  a: {component: step-tools, run: test:worlds/steps.sure, args: {text: hi}}
  b: {python: {function: "os.path:basename", signature: "func(path: string) -> string"}}
  c: {component: shout-caller, run: test:worlds/steps.sure, args: {text: hi}}
  d: {python: {function: "os.path:basename", signature: "func(text: string) -> string"}, args: {text: x}}
edges:
  - tool: a -> b.basename
  - call: c.shout -> d.basename
""")
    assert found.graph is not None, shown(found)
    assert [tool.name for tool in found.graph.tools] == ["basename"]
    assert found.graph.order == ("a", "d", "c")
    assert found.graph.nodes["b"].run is None
    assert [call.id for call in found.graph.calls] == ["c.shout -> d.basename"]
