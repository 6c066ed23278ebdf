"""What a guest's import runs into: another instance's function, its C values forwarded, or a Python function.

The callbacks made here are called by the C API on the guest's thread. They must return an error, never raise; what
went wrong is kept in the calling instance and raised again when its own call has unwound.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.engine import _native as c
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import read
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
    return _guarded(_forwarder(calling, target, offered.name, gate))


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


def _named(calling: Plan, buffer: bytes, caller: Instance) -> dict[str, Any]:
    return {
        field.name: lift(buffer, index * c.VALUE, caller.handles)
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


def _forwarder(calling: Plan, target: Name | None, name: str, gate: Gate) -> Cross:
    """The fast way: the caller's C values go to the callee where they lie, and the callee's result to the caller."""
    count, result_count = len(calling.lower), int(calling.lower_result is not None)
    width, result_width = count * c.VALUE, result_count * c.VALUE
    request_size, response_size = calling.request_size, calling.response_size
    key, needs_args, string_at = (target, name), gate.needs_args, ctypes.string_at
    lift_result = calling.lift_result if gate.needs_result else None

    def cross(caller: Instance, arguments: int, results: int) -> None:
        callee: Instance | None = None
        try:
            buffer = string_at(arguments, width) if width else b""
            entered = gate.enter(caller, request_size(buffer), _named(calling, buffer, caller) if needs_args else None)
            if isinstance(entered, Denial):
                return _deny(calling, caller, entered, results)
            callee = entered
            found = callee.functions.get(key)
            callee.invoke(found[0] if found else callee.function(target, name), arguments, count, results, result_count)
            buffer = string_at(results, result_width) if result_width else b""
            value = lift_result(buffer, 0, callee.handles) if lift_result else None
            leaving, callee = callee, None
            denial = gate.leave(leaving, response_size(buffer), value)
        except BaseException as problem:
            denial = gate.fail(caller, callee, problem)
        if denial is not None:
            _deny(calling, caller, denial, results)
        return None

    return cross


class _Translated:
    """The way for handles, which mean something in one store only, and for rules that look at the result."""

    def __init__(self, calling: Plan, answering: Plan, target: Name | None, gate: Gate) -> None:
        self.calling, self.answering, self.target, self.gate = calling, answering, target, gate

    def cross(self, caller: Instance, arguments: int, results: int) -> None:
        callee: Instance | None = None
        try:
            buffer = read(arguments, len(self.calling.lift) * c.VALUE)
            args = _named(self.calling, buffer, caller)
            size = self.calling.request_size(buffer)
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
    width = len(calling.lift) * c.VALUE

    def cross(caller: Instance, arguments: int, results: int) -> None:
        buffer = read(arguments, width)
        values = tuple(_named(calling, buffer, caller).values())
        _deny(calling, caller, Denial(function(caller, values)), results)

    return _guarded(cross)
