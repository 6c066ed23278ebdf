"""No bit gets across a revert by what other components lend a guest, or give it: its table of handles is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestrator.engine import CannotKeep, Engine, Handle, Linker
from orchestrator.interface.types import Interface
from tests.support.gates import Pass
from tests.support.keeping import Kept, keeping
from tests.support.resource_guests import HOLDER, OWNER

SLY = HOLDER.replace(
    '(func (export "keep") (param i32))',
    """(func (export "keep") (param i32))
    (func (export "next") (result i32) (local $h i32)
      (local.set $h (call $new (i32.const 1))) (call $drop (local.get $h)) (local.get $h))
    (func (export "sly") (param i32) (local $h i32)
      (local.set $h (call $new (i32.const 1))) (call $drop (local.get 0)) (call $drop (local.get $h)))
    (func (export "honest") (param i32) (local $h i32)
      (local.set $h (call $new (i32.const 1))) (call $drop (local.get $h)) (call $drop (local.get 0)))
    (func (export "both") (param i32 i32) (call $drop (local.get 0)) (call $drop (local.get 1)))""",
).replace(
    '(func (export "keep") (param "c" (borrow $c))',
    """(func (export "next") (result u32) (canon lift (core func $m "next")))
  (func (export "sly") (param "c" (borrow $c)) (canon lift (core func $m "sly")))
  (func (export "honest") (param "c" (borrow $c)) (canon lift (core func $m "honest")))
  (func (export "both") (param "c" (borrow $c)) (param "d" (borrow $c)) (canon lift (core func $m "both")))
  (func (export "keep") (param "c" (borrow $c))""",
)
"""A holder that drops what it is lent at a time, or in an order, that suits it."""


@contextmanager
def two(engine: Engine) -> Iterator[tuple[Kept, Kept]]:
    """An owner of counters, and a holder that is served by it."""
    with keeping(engine, OWNER) as owners:
        owner = owners.fresh()

        def answers(linker: Linker) -> None:
            (wanted,), (offered,) = linker.component.world.imports, owners.component.world.exports
            assert isinstance(wanted, Interface)
            assert isinstance(offered, Interface)
            gate, by_name = Pass(owner.instance), {function.name: function for function in offered.functions}
            for function in wanted.functions:
                linker.forward(wanted.name, function, wanted.name, by_name[function.name], gate)

        with keeping(engine, SLY, answers=answers, host=lambda: None) as holders:
            assert holders.component.way.name == "proven"
            yield owner, holders.fresh()


def counter(owner: Kept, value: int = 7) -> Any:
    handle = owner.call("[constructor]counter", value)
    assert isinstance(handle, Handle)
    return handle


def test_one_that_makes_resources_is_never_taken_back(engine: Engine) -> None:
    with two(engine) as (owner, _), pytest.raises(CannotKeep, match="it makes resources of its own"):
        owner.take()


def test_what_was_lent_and_dropped_leaves_nothing(engine: Engine) -> None:
    with two(engine) as (owner, holder):
        state = holder.take()
        first = holder.call("next")
        holder.put(state)
        for _ in range(3):
            assert holder.call("peek", counter(owner)) == 7
            holder.put(state)
            assert holder.call("next") == first


@pytest.mark.parametrize("name", ["sly", "honest", "both"])
def test_what_was_lent_while_others_came_and_went_is_not_taken_back(engine: Engine, name: str) -> None:
    """When the guest dropped a loan it tells nobody; so nobody knows which number comes next."""
    with two(engine) as (owner, holder):
        state = holder.take()
        first = holder.call("next")
        holder.put(state)
        holder.call(name, *(counter(owner) for _ in range(2 if name == "both" else 1)))
        with pytest.raises(CannotKeep, match="the guest gave handles back in another order"):
            holder.put(state)
        assert (holder.call("next") == first) == (name == "honest")


def test_what_was_given_to_it_is_in_the_way_until_it_gave_it_back(engine: Engine) -> None:
    with two(engine) as (owner, holder):
        state = holder.take()
        first = holder.call("next")
        number = holder.call("take", counter(owner))
        with pytest.raises(CannotKeep, match="the guest does not hold what it held then"):
            holder.put(state)
        with pytest.raises(CannotKeep, match="the guest holds a counter of another component"):
            holder.take()
        given = holder.call("give", number)
        holder.put(state)
        assert holder.call("next") == first
        assert given.alive
