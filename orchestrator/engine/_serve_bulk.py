"""What a guest's import runs into whose values lie in the memory of its shim: another instance's function, or Python's.

The callbacks get plain numbers. Those of a value say where it lies in the memory; a result is laid out there, behind
the arguments, and the shim forgets both when the guest has it. See `_serve` for what callbacks must not do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._bulk_call import BulkCall
from orchestrator.engine._calls import Exported, exported
from orchestrator.engine._direct_call import DirectCall
from orchestrator.engine._flat import flat
from orchestrator.engine._layouts import alone, layout_of
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._numbers import Number, kind, reader, writer
from orchestrator.engine._serve import ENTER, LEAVE, Denial, Gate, gated
from orchestrator.engine.carried import python_of
from orchestrator.interface.allowance import Allowance, Check
from orchestrator.interface.convert import check
from orchestrator.interface.types import Function

if TYPE_CHECKING:
    from orchestrator.engine.instance import Instance
    from orchestrator.engine.linker import Answering
    from orchestrator.interface.types import Name


class _Served:
    """One import that is served through memory: its arguments read, its result written.

    Arguments:
        function: as it is imported.
    """

    def __init__(self, function: Function) -> None:
        self.function, self.layout = function, layout_of(function)
        flats = self.layout.signature
        self.read: Callable[[memoryview, int], tuple[Number, ...]] = reader(flats.params).unpack_from
        self._core = (flats.returned,) if flats.returned else ()

    def write(self, results: int, number: Number) -> None:
        """Writes the number of a result where it goes."""
        if self._core:
            writer(self._core).pack_into(MEMORY, results, kind(self._core[0]), number)

    def answer(self, caller: Instance, value: Any, results: int) -> None:
        """Lays a result out and says where it is; nothing is said by a function without one."""
        result = self.function.result
        if result is not None:
            self.write(results, self.layout.store_result(check(result, value), caller.arena.memory))

    def seeing(self, wanted: frozenset[str] | None) -> Seeing | None:
        """What reads the arguments that are wanted; None where none is."""
        params = self.function.params
        if wanted is None or (wanted and self.layout.signature.spilled):
            names = [field.name for field in params]
            return lambda numbers, memory, allowed: dict(
                zip(names, self.layout.lift(numbers, memory, allowed), strict=True)
            )
        places, at = [], 0
        for field in params:
            after = at + len(flat((field.type,)))
            if field.name in wanted:
                places.append((field.name, slice(at, after), alone(field.type).lift))
            at = after
        if not places:
            return None
        return lambda numbers, memory, allowed: {
            name: lift(numbers[part], memory, allowed)[0] for name, part, lift in places
        }


Seeing = Callable[[Sequence[Number], memoryview, Allowance], dict[str, Any]]
"""(the numbers of a call, the memory, what may be made) -> arguments by name, for a rule: numbers stand in lists."""


def _seen(read: Callable[[Any, memoryview, Allowance], Any], number: Any, caller: Instance, check: Check) -> Any:
    """What a rule sees of a call: read when the first one asks for it, as long as the check lets it."""
    return read(number, caller.arena.memory, Allowance(caller.settings.objects, check))


class _Forwarded(_Served):
    """One import that another instance's export answers: from memory to memory where that has one."""

    def __init__(self, wanted: Function, called: Exported) -> None:
        super().__init__(wanted)
        self._called = called

    def through(self, caller: Instance, callee: Instance, numbers: Sequence[Number]) -> tuple[Number, int]:
        """Calls with the caller's values; the number of the result, which is brought to the caller, and its size."""
        call = callee.calls.get(self._called.key) or callee.ready(self._called)
        if isinstance(call, (BulkCall, DirectCall)):
            return call.through(caller.arena, numbers)
        memory = caller.arena.memory
        value, size = call.call(self.layout.lift_arrays(numbers, memory, caller.allowed))
        return self.layout.store_result(python_of(value, callee.check), memory), size

    def deny(self, caller: Instance, denial: Denial, results: int) -> None:
        """Lays a denial out as the result."""
        self.answer(caller, denial.value, results)


_FORWARD = """
def callback(_env, context, _type, arguments, _count, results, _result_count):
    caller = live[context]
    frame = callee = None
    try:
        arena = caller.arena
        memory = arena.memory
        numbers = read(addresses, arguments)
        if arena.swollen():
            caller.swollen = True
        frame = begin(caller.frame, request_size(numbers, memory, caller.allowed), {args})
{enter}
        number, size = through(caller, callee, numbers)
        if arena.swollen():
            caller.swollen = True
        value = {value}
{leave}
        ending, frame = frame, None
        denial = end(ending, size, value)
        if denial is not None:
            return denied(deny, caller, denial, results)
        write(results, number)
        return None
    except BaseException as problem:
        return failed(deny, gate, caller, frame, callee, problem, results)
"""


def forward_bulk(wanted: Function, target: Name | None, offered: Function, gate: Gate) -> Any:
    """The callback that answers an import by another instance's export."""
    served = _Forwarded(wanted, exported(target, offered))
    seeing = served.seeing(gate.wanted_args)
    source = _FORWARD.format(
        enter=ENTER,
        leave=LEAVE,
        args=None if seeing is None else "partial(seen, seeing, numbers, caller)",
        value="partial(seen, load, number, caller)" if gate.needs_result and wanted.result is not None else None,
    )
    names = gated(gate, served.deny) | {
        "addresses": MEMORY,
        "read": served.read,
        "write": served.write,
        "seeing": seeing,
        "request_size": served.layout.request_size,
        "seen": _seen,
        "partial": partial,
        "load": served.layout.load_result,
        "through": served.through,
    }
    exec(compile(source, f"<forward {wanted.name}>", "exec"), names)
    return c.HostCallback(names["callback"])


def serve_bulk(wanted: Function, function: Callable[[Instance, Sequence[Any]], Any]) -> Any:
    """The callback that answers an import by a Python function."""
    served = _Served(wanted)
    lift = served.layout.lift
    return _answered(served, lambda caller, numbers, memory: function(caller, lift(numbers, memory, caller.allowed)))


def answer_bulk(wanted: Function, answer: Answering) -> Any:
    """The callback that answers an import by what decides about the call before its arguments are read."""
    served = _Served(wanted)
    size, lift = served.layout.request_size, served.layout.lift_arrays
    return _answered(
        served,
        lambda caller, numbers, memory: answer(
            caller, size(numbers, memory, caller.allowed), partial(_seen, lift, numbers, caller)
        ),
    )


def _answered(served: _Served, answer: Callable[[Instance, Sequence[Number], memoryview], Any]) -> Any:
    def callback(
        _env: int, context: int, _type: int, arguments: int, _count: int, results: int, _result_count: int
    ) -> int | None:
        caller = LIVE[context]
        try:
            numbers = served.read(MEMORY, arguments)
            served.answer(caller, answer(caller, numbers, caller.arena.memory), results)
            if caller.arena.swollen():
                caller.swollen = True
        except BaseException as problem:
            return caller.raise_in_guest(problem)
        return None

    return c.HostCallback(callback)
