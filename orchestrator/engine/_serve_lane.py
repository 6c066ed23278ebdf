"""What a guest's lane runs into: bytes are read from the guest's own memory, and put into it (see `_lanes`).

An answer says 0 for a call that is done, its result being in the guest's memory; or how many bytes there are to be put
there, for which the guest takes room before it calls `put`. Where it says `ELSE`, the guest calls the function the
other way, through its shim: what that call has to give is kept meanwhile, in `Instance.owed`.

What a guest passes is not believed: its pointers are looked at before anything is read or written there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._lanes import BYTES, given, signature_of
from orchestrator.engine._leaves import Row
from orchestrator.engine._live import LIVE
from orchestrator.engine._load import outside
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._numbers import kind, reader, writer
from orchestrator.engine._serve_hosted import Writing
from orchestrator.engine._store import Storing
from orchestrator.engine._written import FunctionText
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Function, Result, Tuple, Type

if TYPE_CHECKING:
    from orchestrator.engine._serve_host import Answer
    from orchestrator.engine.host import Served

ELSE = 0xFFFF_FFFF
_offsets = reader(("i32", "i32")).unpack_from

Put = Callable[[memoryview, Any, int, int], None]
"""(the guest's memory, a result, the offsets for its bytes and for its fixed part) -> nothing: it is put there."""


def written_lane(wanted: Function, function: Served, memory: int) -> Answer:
    """What answers a call of a function's lane.

    Arguments:
        memory: the number of the guest's memory.
    """
    return _Lane(wanted, function, memory).answer()


class _Lane(Writing):
    def __init__(self, wanted: Function, function: Served, memory: int) -> None:
        super().__init__(wanted, function)
        self._memory = memory
        self._code.names |= {"tell": writer(("i32",)).pack_into, "kind": kind("i32"), "outside": outside}

    def reading(self) -> list[str]:
        """Lines that read the numbers."""
        view = f"memory = caller.bank.begun[{self._memory}].view()"
        return [*self.numbers(signature_of(self._wanted)), view, "end = len(memory)", "handles = caller.handles"]

    def refused(self, result: Result) -> list[str]:
        """Lines that keep an error for the other way."""
        return ["caller.owed = Refused(value)", _told(str(ELSE))]

    def done(self, result: Type) -> list[str]:
        """Lines that put the result into the guest's memory; or keep it until there is room."""
        found = given(self._wanted)
        if found is not None:
            put = self._code.bind((self._memory, _put(result, found)), "put")
            return [f"caller.owed = {put}, value", _told(f"len({_bytes_in(found)})")]
        storing, row = Storing(self._code), Row(self._code.numbers)
        ok = result.ok if isinstance(result, Result) else result
        at = _head(row, result)
        if ok is not None:
            storing.value(ok, "value", row, at)
        storing.block(row, at="at")
        place = f"p{len(signature_of(self._wanted)) - 1}"
        return [f"at = {place}", *_in_place(result), *storing.lines, _told("0")]


def _told(number: str) -> str:
    return f"tell(everything, results, kind, {number})"


def _head(row: Row, result: Type) -> int:
    """Puts what stands before the value of a result that went well; where that stands."""
    if not isinstance(result, Result):
        return 0
    row.put(row.discriminant(2), 0, "0")
    return row.payload(result, 0)


def _in_place(result: Type) -> list[str]:
    """Lines that look at whether the fixed part of a result can be at an offset."""
    size, align = layout(result)
    return [f"if at + {size} > end or at & {align - 1}:", f"    outside(at, {size}, memory, {align})"]


def _bytes_in(found: Type) -> str:
    """The expression for the bytes of what was given."""
    return f"value[{found.items.index(BYTES)}]" if isinstance(found, Tuple) else "value"


@lru_cache(maxsize=256)
def _put(result: Type, found: Type) -> Put:
    """The function that puts a result into a guest's memory."""
    code = FunctionText({"outside": outside})
    storing, row = Storing(code), Row(code.numbers)
    place = _head(row, result)
    parts = list(row.inside(found.items, place)) if isinstance(found, Tuple) else [(found, place)]
    for number, (type_, at) in enumerate(parts):
        if type_ == BYTES:
            row.put("I", at, "start")
            row.put("I", at + 4, "size")
        else:
            storing.value(type_, f"value[{number}]", row, at)
    storing.block(row)
    code.add(f"data, end = {_bytes_in(found)}, len(memory)", "size = len(data)", *_in_place(result))
    code.add("if start + size > end:", "    outside(start, size, memory)", "memory[start:start + size] = data")
    code.add(*storing.lines)
    put: Put = code.function("put(memory, value, start, at)")
    return put


@c.HostCallback  # type: ignore[untyped-decorator]
def put(_env: int, context: int, _type: int, arguments: int, *_: int) -> int | None:
    """A guest has taken room for the bytes that its lane was promised."""
    caller = LIVE[context]
    try:
        start, at = _offsets(MEMORY, arguments)
        (memory, place), value = caller.kept()
        assert caller.bank is not None
        place(caller.bank.begun[memory].view(), value, start, at)
    except BaseException as problem:
        return caller.raise_in_guest(problem)
    return None


@c.HostCallback  # type: ignore[untyped-decorator]
def elsewhere(_env: int, _context: int, _type: int, _arguments: int, _count: int, results: int, _many: int) -> None:
    """The lane of a function that the host does not serve."""
    writer(("i32",)).pack_into(MEMORY, results, kind("i32"), ELSE)
