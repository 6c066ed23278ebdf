"""What a guest's import runs into: another instance's function, its C values forwarded, or a Python function.

The callbacks made here are called by the C API on the guest's thread. They must return an error, never raise; what
went wrong is kept in the calling instance and raised again when its own call has unwound.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestrator.engine import _native as c
from orchestrator.engine._live import LIVE
from orchestrator.engine._plan import Plan, plan
from orchestrator.interface.convert import check

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance
    from orchestrator.interface.types import Function, Name


class Gate(Protocol):
    """What decides over one function of a call edge. Asked on the calling guest's thread, at each call.

    `enter` gives the instance to call, entered; after it either `leave` or `fail` is called with it, which leaves it.
    When `leave` itself raises, `fail` is asked with no callee. A value that `enter`, `leave` or `fail` returns in
    place of the call's own is a denial: the caller's result.
    """

    needs_args: bool
    """Whether `enter` wants the arguments as Python values."""
    needs_result: bool
    """Whether `leave` wants the result as a Python value."""

    def enter(self, caller: Instance, size: int, args: Mapping[str, Any] | None) -> Instance | Denial:
        """The callee, entered; or what the caller gets instead."""

    def leave(self, callee: Instance, size: int, result: Any) -> Denial | None:
        """The call returned; None lets its result through."""

    def fail(self, caller: Instance, callee: Instance | None, problem: BaseException) -> Denial:
        """The call failed (before it, if there is no callee); raises what the caller fails with, or denies."""


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


def _deny(calling: Plan, caller: Instance, denial: Denial, results: int) -> None:
    """Writes a denial over what stands where the caller's result goes; nothing stands there for a function without one.

    The old value is freed last: the C API frees it too when this fails.
    """
    if calling.lower_result is not None and calling.function.result is not None:
        value = calling.lower_result(check(calling.function.result, denial.value), caller.handles)
        c.value_delete(results)
        ctypes.memmove(results, value, c.VALUE)


def _forwarder(calling: Plan, target: Name | None, name: str, gate: Gate) -> Any:
    """The fast way: the caller's C values go to the callee where they lie, and the callee's result to the caller.

    One function from the C API's callback to the call: each one between them would be paid for at every call.
    """
    count, result_count = len(calling.lower), int(calling.lower_result is not None)
    request_size, response_size = calling.request_size, calling.response_size
    key, needs_args, live = (target, name), gate.needs_args, LIVE
    lift_result = calling.lift_result if gate.needs_result else None
    enter, leave, call = gate.enter, gate.leave, c.call

    def callback(
        _env: int, context: int, _type: int, arguments: int, _count: int, results: int, _result_count: int
    ) -> int | None:
        caller = live[context]
        callee: Instance | None = None
        try:
            args = _named(calling, arguments, caller) if needs_args else None
            entered = enter(caller, request_size(arguments), args)
            if entered.__class__ is Denial:
                return _denied(calling, caller, entered, results)
            callee = cast("Instance", entered)
            found = callee.functions.get(key)
            address = found[0] if found else callee.function(target, name)
            error = call(address, callee.context, arguments, count, results, result_count)
            if error:
                raise callee.failed(error)
            value = lift_result(results, callee.handles) if lift_result else None
            leaving, callee = callee, None
            denial = leave(leaving, response_size(results), value)
            return None if denial is None else _denied(calling, caller, denial, results)
        except BaseException as problem:
            return _failed(calling, gate, caller, callee, problem, results)

    return c.HostCallback(callback)


def _denied(calling: Plan, caller: Instance, denial: Any, results: int) -> int | None:
    """What a callback returns for a denial: nothing, the result being written; an error when it cannot be."""
    try:
        _deny(calling, caller, denial, results)
    except BaseException as problem:
        return caller.raise_in_guest(problem)
    return None


def _failed(
    calling: Plan, gate: Gate, caller: Instance, callee: Instance | None, problem: BaseException, results: int
) -> int | None:
    """What a callback returns when the call failed: the gate denies, or the caller fails too."""
    try:
        denial = gate.fail(caller, callee, problem)
    except BaseException as raised:
        return caller.raise_in_guest(raised)
    return _denied(calling, caller, denial, results)


class _Translated:
    """The way for handles, which mean something in one store only, and for rules that look at the result."""

    def __init__(self, calling: Plan, answering: Plan, target: Name | None, gate: Gate) -> None:
        self.calling, self.answering, self.target, self.gate = calling, answering, target, gate

    def cross(self, caller: Instance, arguments: int, results: int) -> None:
        callee: Instance | None = None
        try:
            args = _named(self.calling, arguments, caller)
            size = self.calling.request_size(arguments)
            entered = self.gate.enter(caller, size, args if self.gate.needs_args else None)
            if isinstance(entered, Denial):
                return _deny(self.calling, caller, entered, results)
            callee = entered
            function = self.answering.function
            value, response = callee.call_sized(self.target, function, tuple(args.values()))
            leaving, callee = callee, None
            denial = self.gate.leave(leaving, response, value)
        except BaseException as problem:
            denial, value = self.gate.fail(caller, callee, problem), None
        _deny(self.calling, caller, denial or Denial(value), results)
        return None


def serve(wanted: Function, function: Callable[[Instance, Sequence[Any]], Any]) -> Any:
    """The callback that answers an import by a Python function."""
    calling = plan(wanted)

    def cross(caller: Instance, arguments: int, results: int) -> None:
        values = tuple(_named(calling, arguments, caller).values())
        _deny(calling, caller, Denial(function(caller, values)), results)

    return _guarded(cross)
