"""Resources over edges: a counter lives in its owner, others hold handles, and no misuse of one harms the process."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.engine import Component, Engine, Frame, Handle, Instance, InstanceSettings, Linker
from orchestrator.errors import ClosedError, LimitExceeded, Trapped, ValueMismatch
from orchestrator.interface.types import Borrow, Function, Interface, Name, Own, Resource, World
from tests.support.gates import Pass
from tests.support.leftovers import left_alive
from tests.support.resource_guests import API, HOLDER, OWNER, PASSER

_API = Name.parse(API)


def _functions(items: tuple[Interface | Function, ...]) -> dict[str, Function]:
    return {item.name: item for item in items if isinstance(item, Function)}


def _interface(world: World, imported: bool) -> Interface:
    items = world.imports if imported else world.exports
    return next(item for item in items if isinstance(item, Interface) and item.name == _API)


@pytest.fixture(params=["neither", "owner", "others", "both"])
def engine(engine: Engine, request: pytest.FixtureRequest) -> Engine:
    """An engine that has the owner's machine code, or that of the others, count what it executes."""
    return cast(Engine, _Metering(engine, request.param))


class _Metering:
    def __init__(self, engine: Engine, which: str) -> None:
        self._engine, self._which = engine, which

    def from_text(self, text: str, name: str = "component") -> Component:
        mine = "owner" if name == "owner" else "others"
        metered = self._which in (mine, "both")
        return self._engine.variant(self._engine.from_text(text, name), "auto", metered=metered)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class _Guest:
    """An instance with its functions at hand."""

    def __init__(self, linker: Linker, settings: InstanceSettings | None = None) -> None:
        self.linker = linker
        self.instance = linker.instantiate(Frame(), settings)

    def __call__(self, name: str, *values: Any) -> Any:
        """Calls a function of its world, or of `API`."""
        world = self.linker.component.world
        own = _functions(world.exports)
        with self.instance.entered(Frame()):
            if name in own:
                return self.instance.call(None, own[name], values)
            function = _interface(world, False).function(name)
            assert function is not None
            return self.instance.call(_API, function, values)

    def close(self) -> None:
        self.instance.close()
        self.linker.close()


@contextmanager
def _owner(engine: Engine) -> Iterator[_Guest]:
    guest = _Guest(engine.linker(engine.from_text(OWNER, "owner")))
    yield guest
    guest.close()


def _to_owner(engine: Engine, text: str, owner: Instance) -> Linker:
    """A linker whose imports of `API` the owner answers."""
    component = engine.from_text(text)
    linker = engine.linker(component)
    for function in _interface(component.world, True).functions:
        offered = _interface(owner.linker.component.world, False).function(function.name)
        assert offered is not None
        linker.forward(_API, function, _API, offered, Pass(owner))
    return linker


@contextmanager
def _pair(engine: Engine) -> Iterator[tuple[_Guest, _Guest]]:
    with _owner(engine) as owner:
        holder = _Guest(_to_owner(engine, HOLDER, owner.instance))
        yield owner, holder
        holder.close()
    assert not left_alive()


@contextmanager
def _three(engine: Engine) -> Iterator[tuple[_Guest, _Guest, _Guest]]:
    with _pair(engine) as (owner, holder):
        linker = _to_owner(engine, PASSER, owner.instance)
        wanted, offered = (
            _functions(w) for w in (linker.component.world.imports, holder.linker.component.world.exports)
        )
        for name, function in wanted.items():
            linker.forward(None, function, None, offered[name], Pass(holder.instance))
        passer = _Guest(linker)
        yield owner, holder, passer
        passer.close()


def test_reflection_knows_whose_the_resource_is(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        own, imported = _interface(owner.linker.component.world, False), _interface(holder.linker.component.world, True)
        counter = Resource("counter", "test:res/api")
        assert [d.type for d in own.types] == [counter] == [d.type for d in imported.types]
        assert [d.type.imported for d in (*own.types, *imported.types) if isinstance(d.type, Resource)] == [False, True]
        assert own.functions == imported.functions
        give = _functions(holder.linker.component.world.exports)["give"]
        assert give.result == Own(counter)
        assert isinstance(give.result, Own)
        assert give.result.resource.imported


def test_constructor_method_and_drop_reach_the_owner(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        first, second = holder("make", 5), holder("make", 7)
        assert owner("live") == 2
        assert holder("add", first, 3) == 8
        assert not holder("compare", first, second)
        assert holder("add", second, 1) == 8
        assert holder("compare", first, second)
        assert holder("compare", first, first)
        holder("drop", first)
        assert owner("live") == 1
        assert len(holder.instance.handles) == 1


def test_a_static_function_takes_two_and_gives_one(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        merged = holder("merge", holder("make", 20), holder("make", 22))
        assert holder("add", merged, 0) == 42
        assert owner("live") == 1


def test_closing_an_instance_drops_what_it_holds(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        for n in range(10):
            holder("make", n)
        assert owner("live") == 10
        holder.instance.close()
        assert owner("live") == 0


def test_a_guest_cannot_use_a_handle_twice_or_one_it_never_had(engine: Engine) -> None:
    with _pair(engine) as (_, holder):
        handle = holder("make", 1)
        holder("drop", handle)
        with pytest.raises(Trapped) as caught:
            holder("add", handle, 1)
        assert caught.value.message == f"the guest trapped: unknown handle index {handle}"
        with pytest.raises(Trapped) as caught:
            holder("live")
        assert caught.value.message == (
            f"the instance answers no further call: the guest trapped: unknown handle index {handle}"
        )


def test_python_holds_passes_and_drops_handles(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        handle = owner("[constructor]counter", 30)
        assert isinstance(handle, Handle)
        assert repr(handle) == "<handle of counter>"
        assert owner("[method]counter.add", handle, 5) == 35
        assert holder("peek", handle) == 35
        number = holder("take", handle)
        assert repr(handle) == "<handle of counter, gone>"
        assert holder("add", number, 1) == 36
        back = holder("give", number)
        assert back.alive
        assert back.owner is owner.instance
        assert owner("live") == 1
        for _ in range(2):
            back.drop()
        assert owner("live") == 0


def test_a_handle_that_is_gone_is_a_mismatch_and_harms_nothing(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        handle = owner("[constructor]counter", 1)
        holder("take", handle)
        for guest, name in ((owner, "[method]counter.add"), (holder, "take"), (holder, "peek")):
            with pytest.raises(ValueMismatch) as caught:
                guest(name, handle, *([1] if guest is owner else []))
            assert str(caught.value) == (
                "the value: expected a live handle of counter, found <handle of counter, gone>"
            )
        assert owner("live") == 1


def test_what_is_no_handle_is_a_mismatch(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        for wrong in (None, 1, "counter", object(), {}):
            with pytest.raises(ValueMismatch):
                owner("[method]counter.add", wrong, 1)
            with pytest.raises(ValueMismatch):
                holder("take", wrong)
        assert owner("live") == 0


def test_a_handle_of_another_instance_of_the_same_component_is_refused(engine: Engine) -> None:
    with _owner(engine) as one, _owner(engine) as other:
        handle = one("[constructor]counter", 1)
        with pytest.raises(ValueMismatch) as caught:
            other("[method]counter.add", handle, 1)
        assert str(caught.value) == (
            "the value: expected a counter of the component that is called, found <handle of counter>"
        )
        assert one("[method]counter.add", handle, 1) == 2


def test_one_handle_given_twice_in_a_call_is_refused(engine: Engine) -> None:
    with _owner(engine) as owner:
        handle = owner("[constructor]counter", 1)
        with pytest.raises(ValueMismatch):
            owner("[static]counter.merge", handle, handle)
        assert owner("[method]counter.add", owner("[constructor]counter", 4), 1) == 5


def test_a_borrow_that_is_kept_after_the_call_traps(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        handle = owner("[constructor]counter", 1)
        with pytest.raises(Trapped) as caught:
            holder("keep", handle)
        assert "borrow" in caught.value.message
        assert owner("[method]counter.add", handle, 1) == 2


def test_counters_pass_through_a_third_component(engine: Engine) -> None:
    with _three(engine) as (owner, holder, passer):
        number = passer("pass", 11)
        assert owner("live") == 1
        assert len(passer.instance.handles) == 0
        assert holder("add", number, 1) == 12
        assert passer("show", 8) == 8
        assert owner("live") == 1
        assert passer("fetch", number) == 13
        assert owner("live") == 0
        assert len(passer.instance.handles) == len(holder.instance.handles) == 0


def test_the_owner_closed_first(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        number, kept = holder("make", 1), owner("[constructor]counter", 2)
        owner.instance.close()
        assert not kept.alive
        kept.drop()
        with pytest.raises(ValueMismatch) as caught:
            holder("peek", kept)
        assert str(caught.value) == "the value: expected a live handle of counter, found <handle of counter, gone>"
        with pytest.raises(ClosedError, match=r"^the instance was closed$"):
            holder("add", number, 1)


def test_the_owner_trapped(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        number, kept = holder("make", 1), owner("[constructor]counter", 2)
        with pytest.raises(Trapped, match="unreachable"):
            holder("fail", number)
        kept.drop()
        assert owner.instance.ended == holder.instance.ended
        with pytest.raises(Trapped) as caught:
            owner("live")
        assert caught.value.message.startswith("the instance answers no further call: the guest trapped: ")
        holder.instance.close()


def test_a_destructor_that_traps_ends_its_owner_and_nobody_else(engine: Engine) -> None:
    with _pair(engine) as (owner, holder):
        number = holder("make", 666)
        holder("drop", number)
        assert owner.instance.ended.startswith("a destructor failed: the guest trapped: ")
        with pytest.raises(Trapped):
            holder("live")


def test_a_destructor_that_never_ends_is_ended(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.engine.instance._DESTRUCTOR", 0.05)
    with _pair(engine) as (owner, _):
        handle = owner("[constructor]counter", 777)
        handle.drop()
        assert owner.instance.ended == "a destructor failed: a destructor took too long"


def test_a_handle_that_python_forgets_is_dropped_when_the_owner_is_next_left(engine: Engine) -> None:
    with _owner(engine) as owner:
        for n in range(5):
            owner("[constructor]counter", n)
        gc.collect()
        owner("live")
        assert owner("live") == 0


def test_a_handle_dropped_inside_its_owner_waits_for_it(engine: Engine) -> None:
    with _owner(engine) as owner:
        handle = owner("[constructor]counter", 1)
        with owner.instance.entered(Frame()):
            handle.drop()
            live = _interface(owner.linker.component.world, False).function("live")
            assert live is not None
            assert owner.instance.call(_API, live, []) == 1
        assert owner("live") == 0


def test_a_guest_may_not_hoard_handles(engine: Engine) -> None:
    with _owner(engine) as owner:
        holder = _Guest(_to_owner(engine, HOLDER, owner.instance), InstanceSettings(handles=50))
        holder("drop", holder("make", 1))
        holder("hoard", 50)
        with pytest.raises(LimitExceeded) as caught:
            holder("make", 1)
        assert caught.value.limit == "handles"
        assert str(caught.value) == (
            "a guest may hold 50 handles at a time, and wants one more of counter: it has to drop some"
        )
        holder.instance.close()
        del caught  # its traceback holds the handle that was refused
        gc.collect()
        owner("live")
        assert owner("live") == 0


def test_a_component_that_imports_and_exports_the_same_interface(engine: Engine) -> None:
    """Its own counters are not the ones it imports, though both have one name."""
    inner = OWNER.replace(
        "(component\n",
        f"""(component
      (import "{API}" (instance $theirs (export "counter" (type $c (sub resource)))
        (export "[constructor]counter" (func (param "n" u32) (result (own $c))))
        (export "live" (func (result u32)))))
      (core func $their-new (canon lower (func $theirs "[constructor]counter")))
      (alias export $theirs "counter" (type $their-c))
      (core module $hold
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "wrap") (param i32) (result i32) (call $new (local.get 0))))
      (core instance $hold (instantiate $hold (with "" (instance (export "new" (func $their-new))))))
      (func (export "wrap") (param "n" u32) (result (own $their-c)) (canon lift (core func $hold "wrap")))
    """,
        1,
    )
    with _owner(engine) as owner:
        both = _Guest(_to_owner(engine, inner, owner.instance))
        theirs, own = both("wrap", 3), both("[constructor]counter", 4)
        assert theirs.owner is owner.instance
        assert own.owner is both.instance
        assert (owner("live"), both("live")) == (1, 1)
        assert owner("[method]counter.add", theirs, 1) == 4
        assert both("[method]counter.add", own, 1) == 5
        with pytest.raises(ValueMismatch):
            both("[method]counter.add", theirs, 1)
        both.close()
        assert owner("[method]counter.add", theirs, 1) == 5
    assert not left_alive()


def test_a_python_function_may_serve_a_borrow(engine: Engine) -> None:
    with _owner(engine) as owner:
        component = engine.from_text(PASSER)
        linker = _to_owner(engine, PASSER, owner.instance)
        wanted = _functions(component.world.imports)
        seen: list[Any] = []

        def peek(_caller: Instance, values: Any) -> int:
            seen.append(values[0])
            assert isinstance(values[0], Handle)
            return owner("[method]counter.add", values[0], 100)  # type: ignore[no-any-return]

        def take(_caller: Instance, values: Any) -> int:
            seen.append(values[0])
            return 1

        linker.define(None, wanted["peek"], peek)
        linker.define(None, wanted["take"], take)
        linker.define(None, wanted["give"], lambda _caller, values: owner("[constructor]counter", values[0]))
        passer = _Guest(linker)
        assert passer("show", 5) == 105
        assert passer("pass", 6) == 1
        assert isinstance(wanted["peek"].params[0].type, Borrow)
        assert [handle.alive for handle in seen] == [False, True]
        seen.pop().drop()
        assert passer("fetch", 6) == 7
        assert owner("live") == 0
        passer.close()


def test_a_gate_sees_handles_and_their_sizes(engine: Engine) -> None:
    with _owner(engine) as owner:
        linker = engine.linker(engine.from_text(HOLDER))
        gates = {}
        for wanted in _interface(linker.component.world, True).functions:
            offered = _interface(owner.linker.component.world, False).function(wanted.name)
            assert offered is not None
            gates[wanted.name] = Pass(owner.instance, sees=True)
            linker.forward(_API, wanted, _API, offered, gates[wanted.name])
        holder = _Guest(linker)
        number = holder("make", 5)
        assert (gates["[constructor]counter"].request, gates["[constructor]counter"].response) == (4, 4)
        assert gates["[constructor]counter"].args == {"n": 5}
        assert holder("add", number, 1) == 6
        add = gates["[method]counter.add"]
        assert add.args is not None
        assert isinstance(add.args["self"], Handle)
        assert (add.request, add.response, add.args["n"], add.result) == (8, 4, 1, 6)
        assert holder("compare", number, number)
        assert (gates["compare"].request, gates["compare"].response) == (8, 1)
        holder.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_handles_leave_no_memory_behind(engine: Engine) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 10

    def rounds(count: int) -> None:
        for n in range(count):
            merged = holder("merge", holder("make", n % 500), holder("make", 1))
            holder("peek", handle)
            holder("drop", merged)
            with pytest.raises(ValueMismatch):
                holder("take", gone)
            passer("show", n % 500)

    with _three(engine) as (owner, holder, passer):
        handle, gone = owner("[constructor]counter", 1), owner("[constructor]counter", 2)
        gone.drop()
        rounds(300)
        before = resident()
        rounds(2000)
        assert resident() - before < 4 << 10
        assert owner("live") == 1
        handle.drop()
