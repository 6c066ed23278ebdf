"""What a guest's import runs into: another instance's function, its C values forwarded, or a Python function.

The callbacks made here are called by the C API on the guest's thread. They must return an error, never raise; what
went wrong is kept in the calling instance and raised again when its own call has unwound.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.engine import _native as c
from orchestrator.engine._chosen import function_key
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import QUADS
from orchestrator.engine._plan import Plan, plan
from orchestrator.engine._resources import without_handles
from orchestrator.engine._values import Lift
from orchestrator.interface.allowance import Check, See
from orchestrator.interface.convert import check
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Enum, Flags, List, Primitive

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.engine.instance import Instance
    from orchestrator.engine.linker import Answering
    from orchestrator.interface.types import Function, Name, Type


class Gate(Protocol):
    """What decides over one function of a call edge. Asked on the calling guest's thread, at each call.

    `begin` lets a call through as a stay in the callee, the engine enters the callee with it, calls, leaves, and asks
    `end`. What goes wrong on the way goes to `fail`. A `Denial` that any of them returns is what the caller gets.
    """

    wanted_args: frozenset[str] | None
    """The arguments that `begin` may want as Python values, by name; None for all of them."""
    needs_result: bool
    """Whether `end` may want the result as a Python value."""

    def begin(self, caller: Frame | None, size: int, args: See | None) -> Frame | Denial:
        """The stay that the call is, out of the stay of the caller; or what the caller gets instead.

        Arguments:
            size: of the arguments, bytes.
            args: reads those that are wanted, by name; None where none is.
        """

    def arrive(self, frame: Frame) -> Instance:
        """The callee, entered (`enter_nested`); asked where `frame.instance` is none, or cannot be entered at once."""

    def end(self, frame: Frame, size: int, result: See | None) -> Denial | None:
        """The call returned, and its instance was left; None lets its result through.

        Arguments:
            size: of the result, bytes.
            result: reads it; None where it is not wanted.
        """

    def fail(self, caller: Instance, frame: Frame | None, problem: BaseException) -> Denial:
        """The call failed, or `begin` or `end` did, without a frame; raises what the caller fails with, or denies."""


class Denial:
    """A result given to a caller in place of a call's own."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def forward(wanted: Function, target: Name | None, offered: Function, gate: Gate) -> Any:
    """The callback that answers an import by another instance's export."""
    calling, answering = plan(wanted), plan(offered)
    if calling.has_handles:
        return _guarded(_Translated(calling, answering, target, gate).cross)
    return _forwarder(calling, target, offered.name, gate)


Cross = Callable[["Instance", int, int], None]
"""(the calling instance, the address of its arguments, the address for its result)."""


def _guarded(cross: Cross) -> Any:
    live = LIVE

    def callback(
        _env: int, context: int, _type: int, arguments: int, _count: int, results: int, _result_count: int
    ) -> int | None:
        caller = live[context]
        try:
            cross(caller, arguments, results)
        except BaseException as problem:
            return caller.raise_in_guest(problem)
        return None

    return c.HostCallback(callback)


def _named(calling: Plan, arguments: int, caller: Instance) -> dict[str, Any]:
    """The arguments by name, lifted."""
    return {
        field.name: lift(arguments + index * c.VALUE, caller.handles)
        for index, (field, lift) in enumerate(zip(calling.function.params, calling.lift, strict=True))
    }


def _seeing(calling: Plan, wanted: frozenset[str] | None) -> Callable[[int, Check], dict[str, Any]] | None:
    """What lifts the arguments that are wanted, no handle among them; None where none is."""
    lifts = zip(calling.function.params, calling.lift, strict=True)
    places = [
        (field.name, index * c.VALUE, lift)
        for index, (field, lift) in enumerate(lifts)
        if wanted is None or field.name in wanted
    ]
    if not places:
        return None

    def seeing(arguments: int, check: Check) -> dict[str, Any]:
        none = without_handles(check)
        return {name: lift(arguments + at, none) for name, at, lift in places}

    return seeing


def _deny(calling: Plan, caller: Instance, denial: Denial, results: int) -> None:
    """Writes a denial over what stands where the caller's result goes; nothing stands there for a function without one.

    The old value is freed last: the C API frees it too when this fails.
    """
    if calling.lower_result is not None and calling.function.result is not None:
        value = calling.lower_result(check(calling.function.result, denial.value), caller.handles)
        c.value_delete(results)
        ctypes.memmove(results, value, c.VALUE)


ENTER = """\
        if frame.__class__ is Denial:
            return denied(deny, caller, frame, results)
        callee = frame.instance
        if callee is None or callee.gone or not callee.take(False):
            callee = None
            callee = arrive(frame)
        else:
            callee.turn.holder = caller.turn.holder
            callee.frame = frame
            if callee.gone:
                callee.leave_nested()
                callee = None
                callee = arrive(frame)"""
"""How a callback enters the callee for a call that its gate has begun, or gives a denial."""

LEAVE = """\
        leaving, callee = callee, None
        busy = leaving.left or leaving.drops or leaving.unfinished or leaving.swollen or leaving.lease
        if frame.fresh or busy or leaving.turn.waiting:
            leave(leaving, frame)
        else:
            leaving.frame = None
            leaving.turn.holder = 0
            leaving.give_back()
            if leaving.turn.waiting:
                leaving.turn.hand_over()
            if leaving.closing or leaving.drops:
                leaving.after_release()"""
"""How it leaves the callee: mostly there is nothing to be done but to give the turn back."""

Deny = Callable[["Instance", "Denial", int], None]
"""(the caller, a denial, the address for the result) -> nothing: the denial is written there."""


def gated(gate: Gate, deny: Deny) -> dict[str, Any]:
    """What a callback names that is written around `ENTER` and `LEAVE`."""
    return {
        "begin": gate.begin,
        "arrive": gate.arrive,
        "end": gate.end,
        "gate": gate,
        "deny": deny,
        "live": LIVE,
        "leave": leave,
        "Denial": Denial,
        "denied": _denied,
        "failed": _failed,
    }


_FORWARD = """
def callback(_env, context, _type, arguments, _count, results, _result_count):
    caller = live[context]
    frame = callee = None
    try:
        frame = begin(caller.frame, {request}, {args})
{enter}
        try:
            function = callee.functions[key]
        except KeyError:
            function = callee.find(target, name)
        error = call(function, callee.context_argument, arguments, count, results, result_count)
        if error:
            raise callee.failed(error)
        size = {response}
        {value}
{leave}
        ending, frame = frame, None
        denial = end(ending, size, value)
        return None if denial is None else denied(deny, caller, denial, results)
    except BaseException as problem:
        return failed(deny, gate, caller, frame, callee, problem, results)
"""
"""One function from the C API's callback to the call: each one between them would be paid for at every call."""


def _forwarder(calling: Plan, target: Name | None, name: str, gate: Gate) -> Any:
    """The fast way: the caller's C values go to the callee where they lie, and the callee's result to the caller."""
    function, seeing = calling.function, _seeing(calling, gate.wanted_args)
    source = _FORWARD.format(
        enter=ENTER,
        request=_size_of(tuple(field.type for field in function.params), "arguments", "request_size"),
        response=_size_of(() if function.result is None else (function.result,), "results", "response_size"),
        args=None if seeing is None else "partial(seeing, arguments)",
        value="value = partial(seen, lift, results)" if gate.needs_result and function.result else "value = None",
        leave=LEAVE,
    )
    names = gated(gate, partial(_deny, calling)) | {
        "call": c.call,
        "key": function_key(target, name),
        "target": target,
        "name": name,
        "seeing": seeing,
        "lift": calling.lift_result,
        "seen": _seen,
        "partial": partial,
        "request_size": calling.request_size,
        "response_size": calling.response_size,
        "quads": QUADS,
        "count": ctypes.c_size_t(len(calling.lower)),
        "result_count": ctypes.c_size_t(calling.lower_result is not None),
    }
    exec(compile(source, f"<forward {name}>", "exec"), names)
    return c.HostCallback(names["callback"])


def _seen(lift: Lift, address: int, check: Check) -> Any:
    """What a rule sees of a result, no handle in it: lifted when the first one asks for it."""
    return lift(address, without_handles(check))


def _size_of(types: tuple[Type, ...], address: str, otherwise: str) -> str:
    """The expression for the size of the C values of those types at an address.

    Where nothing but strings and lists of plain numbers is outside the flat form, it is read without a call.
    """
    flat, places = 0, []
    for index, type_ in enumerate(types):
        flat += layout(type_)[0]
        match type_:
            case Primitive("string"):
                places.append((index, 1))
            case List(Primitive(element)) if element != "string":
                places.append((index, layout(type_.element)[0]))
            case Primitive() | Enum() | Flags():
                pass
            case _:
                return f"{otherwise}({address})"
    words = [f"{unit} * quads[({address} >> 3) + {4 * index + 1}]" for index, unit in places]
    return " + ".join([str(flat), *words])


def _denied(deny: Deny, caller: Instance, denial: Denial, results: int) -> int | None:
    """What a callback returns for a denial: nothing, the result being written; an error when it cannot be."""
    try:
        deny(caller, denial, results)
    except BaseException as problem:
        return caller.raise_in_guest(problem)
    return None


def _failed(
    deny: Deny,
    gate: Gate,
    caller: Instance,
    frame: Any,
    callee: Instance | None,
    problem: BaseException,
    results: int,
) -> int | None:
    """What a callback returns when the call failed: the gate denies, or the caller fails too."""
    try:
        if callee is not None:
            leave(callee, frame)
        denial = gate.fail(caller, frame, problem)
    except BaseException as raised:
        return caller.raise_in_guest(raised)
    return _denied(deny, caller, denial, results)


def leave(callee: Instance, frame: Frame) -> None:
    """Leaves a callee; one that was made for the call alone is closed."""
    callee.leave_nested()
    if frame.fresh:
        callee.dismiss(frame)


class _Translated:
    """The way for handles, which mean something in one store only."""

    def __init__(self, calling: Plan, answering: Plan, target: Name | None, gate: Gate) -> None:
        self.calling, self.answering, self.target, self.gate = calling, answering, target, gate

    def cross(self, caller: Instance, arguments: int, results: int) -> None:
        frame: Frame | None = None
        callee: Instance | None = None
        gate = self.gate
        try:
            args = _named(self.calling, arguments, caller)
            size = self.calling.request_size(arguments)
            begun = gate.begin(caller.frame, size, (lambda _check: args) if gate.wanted_args != frozenset() else None)
            if isinstance(begun, Denial):
                return _deny(self.calling, caller, begun, results)
            frame = begun
            callee = gate.arrive(frame)
            value, response = callee.call_sized(self.target, self.answering.function, tuple(args.values()))
            leaving, callee = callee, None
            leave(leaving, frame)
            ending, frame = frame, None
            denial = gate.end(ending, response, lambda _check: value)
        except BaseException as problem:
            if callee is not None and frame is not None:
                leave(callee, frame)
            denial, value = gate.fail(caller, frame, problem), None
        _deny(self.calling, caller, denial or Denial(value), results)
        return None


def serve(wanted: Function, function: Callable[[Instance, Sequence[Any]], Any]) -> Any:
    """The callback that answers an import by a Python function."""
    return answer(wanted, lambda caller, _size, read: function(caller, read(caller.check)))


def answer(wanted: Function, answering: Answering) -> Any:
    """The callback that answers an import by what decides about the call before its arguments are read."""
    calling = plan(wanted)

    def cross(caller: Instance, arguments: int, results: int) -> None:
        def read(_check: Check) -> tuple[Any, ...]:
            return tuple(_named(calling, arguments, caller).values())

        value = answering(caller, calling.request_size(arguments), read)
        _deny(calling, caller, Denial(value), results)

    return _guarded(cross)


@c.HostCallback  # type: ignore[untyped-decorator]
def unused(_env: int, context: int, *_: int) -> int | None:
    """The callback of an import that another one answers."""
    return LIVE[context].raise_in_guest(AssertionError("an import was called that its shim answers"))
