"""What a guest's import runs into that the host serves through its shim: written for the types of the served function.

Arguments come as plain numbers, of which those of a handle are the number of the resource; what they point to lies in
the shim's memory, laid out by the engine's own adapters, and so does the result, which is written there by the types:
the host is trusted to give what the type says. See `_shim_hosted` for the other side, `_serve_host` for what is called.

For `[method]input-stream.read: func(self: borrow<input-stream>, len: u64) -> result<list<u8>, stream-error>` this is
the answer:

    def answer(context, arguments, results):
        caller = live[context]
        try:
            caller.host_left -= 1
            if caller.host_left < 0:
                caller.overdraw()
            (p0, p1) = read(everything, arguments)
            memory = caller.arena.memory
            handles = caller.handles
            try:
                value = function(caller.host, handles.table[p0], p1)
            except Refused as refused:
                …
            else:
                (free,) = word(memory, 0)
                end = len(memory)
                at = 16
                x0 = value
                x1 = len(x0)
                x2 = free
                free += x1
                if free > end:
                    raise full(free - end, memory)
                memory[x2:free] = x0
                write_0(memory, at, 0, x2, x1)
                put(memory, 0, free)
                if free > kept:
                    caller.swollen = True
                tell(everything, results, kind, at)
        except BaseException as problem:
            return caller.raise_in_guest(problem)
        return None
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from orchestrator.engine._arena import KEPT, WORD, full
from orchestrator.engine._flat import MAX_PARAMS, flat, points, signature
from orchestrator.engine._layouts import again
from orchestrator.engine._leaves import Row, Slots
from orchestrator.engine._libc import RESULT, ROOM
from orchestrator.engine._live import LIVE
from orchestrator.engine._load import Loading
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._numbered import numbered, to_numbers, to_resources
from orchestrator.engine._numbers import kind, reader, writer
from orchestrator.engine._store import Storing
from orchestrator.engine._written import tuple_of
from orchestrator.engine.host import Guarded, Refused
from orchestrator.interface.sizes import layout
from orchestrator.interface.types import Borrow, Function, Own, Result, Type

if TYPE_CHECKING:
    from orchestrator.engine._serve_host import Answer
    from orchestrator.engine.host import Served

_NAMES: dict[str, Any] = {
    "array": array,
    "everything": MEMORY,
    "full": full,
    "kept": KEPT,
    "live": LIVE,
    "memoryview": memoryview,
    "put": WORD.pack_into,
    "word": WORD.unpack_from,
}


def written(wanted: Function, function: Served) -> Answer:
    """What answers a call of a function as an import wants it."""
    return Writing(wanted, function).answer()


def written_beside(wanted: Function, function: Served) -> Answer:
    """The same for one that has a lane, which may have made the call already: see `_serve_lane`."""
    return _Beside(wanted, function).answer()


def catching(names: dict[str, Any], function: Served) -> list[str]:
    """Lines that catch what a call of `function` raises and is an error of its result: the error is then `value`.

    No name is left for what was raised, since that knows the frame it was caught in.
    """
    names |= {"Refused": Refused}
    if not isinstance(function, Guarded):
        names |= {"function": function}
        return ["except Refused as refused:", "    value = refused.error"]
    names |= {"function": function.function, "meant": function.refused}
    return ["except Exception as problem:", "    value = meant(problem).error"]


class Writing:
    """The text of an answer."""

    def __init__(self, wanted: Function, function: Served) -> None:
        self._wanted, self._flats = wanted, signature(wanted)
        assert not self._flats.spilled, f"{wanted.name} takes more than {MAX_PARAMS} numbers, as nothing of WASI does"
        self._loading = Loading(arrays=False)
        self._code = self._loading.code
        self._code.names |= _NAMES
        self._catching = catching(self._code.names, function)

    def answer(self) -> Answer:
        """The function."""
        lines, result = self.reading(), self._wanted.result
        call = self.call(f"function({', '.join(['caller.host', *self._arguments()])})")
        if isinstance(result, Result):
            lines += ["try:", f"    value = {call}"]
            lines += [*self._catching, *_indented(self.refused(result))]
            lines += ["else:", *_indented(self.done(result))]
        else:
            lines += [f"value = {call}", *([] if result is None else self.done(result))]
        return self._function(lines)

    def _function(self, lines: list[str]) -> Answer:
        code = self._code
        code.add("caller = live[context]")
        if any("allowed" in line for line in lines):
            code.add("allowed = caller.allowed")
        code.add("try:")
        code.add(*self.counting(), *lines, depth=2)
        code.add("except BaseException as problem:", "    return caller.raise_in_guest(problem)", "return None")
        found: Answer = code.function("answer(context, arguments, results)")
        return found

    def counting(self) -> list[str]:
        """Lines that count the call."""
        return ["caller.host_left -= 1", "if caller.host_left < 0:", "    caller.overdraw()"]

    # What it is called with

    def reading(self) -> list[str]:
        """Lines that read the numbers, and look at how much what they point to takes."""
        lines = [*self.numbers(self._flats.params), "memory = caller.arena.memory", "handles = caller.handles"]
        lines += again(tuple(numbered(field.type) for field in self._wanted.params))
        if any(points(field.type) for field in self._wanted.params):
            lines += ["end = len(memory)", "(free,) = word(memory, 0)", *_SWOLLEN]
        return lines

    def numbers(self, cores: tuple[str, ...]) -> list[str]:
        """The line that reads the numbers of some core types, if there are any: they are then `p0`, `p1`, …."""
        self._code.names["read"] = reader(cores).unpack_from
        return [f"{tuple_of(_names(len(cores)))} = read(everything, arguments)"] if cores else []

    def _arguments(self) -> list[str]:
        """Expressions for the arguments."""
        types = tuple(field.type for field in self._wanted.params)
        slots = Slots(self._flats.params, tuple(_names(len(self._flats.params))))
        return [self._argument(type_, slots, place) for type_, place in slots.inside(types, 0)]

    def _argument(self, type_: Type, slots: Slots, place: int) -> str:
        value, change = self._loading.value(numbered(type_), slots, place), to_resources(type_)
        match type_:
            case Borrow():
                return f"handles.table[{value}]"
            case Own():
                return f"handles.table.pop({value})"
            case _:
                return value if change is None else f"{self._code.bind(change, 'resources')}({value}, handles)"

    def call(self, expression: str) -> str:
        """The expression that makes the call, or an expression for what it gave."""
        return expression

    # What it gives

    def done(self, result: Type) -> list[str]:
        """Lines that store the result, or as one what stands in its `ok`: it is `value`."""
        return self._stored(result, "ok" if isinstance(result, Result) else "")

    def refused(self, result: Result) -> list[str]:
        """Lines that store the result of a call that was refused with the error `value`."""
        return self._stored(result, "err")

    def _stored(self, result: Type, side: str = "") -> list[str]:
        """Lines that store the result `value`, or as one that is what stands in a case of it."""
        storing, pointed = Storing(self._code), self._flats.by_pointer
        size, align = layout(result)
        if pointed and size > ROOM - RESULT:
            storing.room("at", size, align)
        elif pointed:
            storing.add(f"at = {RESULT}")
        places = Row(self._code.numbers) if pointed else Slots(flat((result,)))
        if side:
            places.put(places.discriminant(2), 0, str(int(side == "err")))
            self._value(storing, getattr(result, side), places, places.payload(result, 0))
        else:
            self._value(storing, result, places, 0)
        if isinstance(places, Row):
            storing.block(places)
        number = "at" if isinstance(places, Row) else places.passed()[0]
        return [*_in_room(storing), *self._told(number)]

    def _value(self, storing: Storing, type_: Type | None, places: Row | Slots, at: int) -> None:
        change = None if type_ is None else to_numbers(type_)
        if change is not None:
            storing.add(f"value = {self._code.bind(change, 'numbers')}(value, handles)")
        if type_ is not None:
            storing.value(numbered(type_), "value", places, at)

    def _told(self, number: str) -> list[str]:
        """Lines that say what the result is, or where."""
        core = self._flats.returned
        self._code.names |= {"tell": writer((core,)).pack_into, "kind": kind(core)}
        return [f"tell(everything, results, kind, {number})"]


class _Beside(Writing):
    """An answer that gives what the lane was to give, where that is kept."""

    def counting(self) -> list[str]:
        """Nor is the call counted twice."""
        return ["if caller.owed is None:", *_indented(super().counting())]

    def call(self, expression: str) -> str:
        """The call is not made twice."""
        return f"{expression} if caller.owed is None else caller.recall()"


def _names(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]


def _in_room(storing: Storing) -> list[str]:
    """The lines of what stores a value, which know where there is room, and tell how far it was taken."""
    if not storing.takes:
        return storing.lines
    return ["(free,) = word(memory, 0)", "end = len(memory)", *storing.lines, "put(memory, 0, free)", *_SWOLLEN]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


_SWOLLEN = ("if free > kept:", "    caller.swollen = True")
