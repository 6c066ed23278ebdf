"""What the builder puts around a component's JavaScript: texts, promises and errors cross it as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.capability import Authority
from orchestrator.engine import Engine, Frame
from orchestrator.interface.types import Function
from tests.support.hosted import hosted
from tests.support.javascript import javascript

pytestmark = pytest.mark.slow

WIT = """package test:glue@0.1.0;
world guest {
  record pair { name: string, texts: list<string> }
  export text: func(given: string) -> string;
  export halves: func() -> string;
  export pairs: func(given: list<pair>) -> list<pair>;
  export promised: func(given: string) -> result<string, string>;
  export thenable: func(given: u32) -> u32;
  export plain: func(given: u32) -> u32;
  export late: func(given: string) -> result<string, string>;
  export imported: func(given: string) -> result<string, string>;
}
"""
APP = """
export const text = (given) => given;
export const halves = () => "a\\ud800b\\udc00";
export const pairs = (given) => given.reverse();
export const promised = async (given) => { await null; return given; };
export const thenable = (given) => ({ then: (done) => done(given + 1) });
export const plain = (given) => given + 1;
export const imported = async (given) => { try { await import(given); return ""; } catch (e) { throw e.message; } };
export const late = async (given) => { await null; throw given; };
"""


@pytest.fixture(scope="module")
def call() -> Iterator[Any]:
    """(name, values) -> what a function of the guest gives."""
    with Engine() as engine:
        component = javascript(engine, APP, WIT, "guest")
        functions = {item.name: item for item in component.world.exports if isinstance(item, Function)}
        with hosted(engine, component, Authority(), None) as made:

            def called(name: str, *values: Any) -> Any:
                with made.entered(Frame()):
                    return made.call(None, functions[name], list(values))

            yield called


@pytest.mark.parametrize(
    "given",
    ["", "a", "é", "\x00\x7f", "\x80", "€" * 3, "a😀b", "x" * 1_000_000, "é" * 1_000_000, "x" * 70_000 + "😀"],
    ids=lambda text: f"{text[:3]!a} {len(text)}",
)
def test_texts_come_back_as_they_went(call: Any, given: str) -> None:
    assert call("text", given) == given


def test_half_of_a_pair_is_replaced(call: Any) -> None:
    assert call("halves") == "a\ufffdb\ufffd"


def test_texts_within_records_within_lists(call: Any) -> None:
    given = [{"name": "é", "texts": ["", "a", "€"]}, {"name": "b", "texts": []}]
    assert [dict(pair) for pair in call("pairs", given)] == given[::-1]


@pytest.mark.parametrize("given", ["a", "é"])
def test_what_is_promised_is_waited_for(call: Any, given: str) -> None:
    assert call("promised", given) == {"ok": given}
    assert call("late", given) == {"err": given}


def test_a_value_at_once_or_by_anything_with_then(call: Any) -> None:
    assert (call("plain", 1), call("thenable", 1)) == (2, 2)


@pytest.mark.parametrize("given", ["x", "./x.js", "/x/y.js", "node:fs", ""])
def test_a_module_that_is_asked_for_at_run_time_is_not_found(call: Any, given: str) -> None:
    assert call("imported", given)["err"].startswith(f'Error loading module "{given}" (resolved path "')
    assert call("plain", 1) == 2
