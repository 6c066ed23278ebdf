"""What a guest's import runs into that the host serves: a function written for the types of the served one.

One callback serves them all, in every linker: the C API hands it the number of the function, which is written when it
is first called. The host is trusted to give what the type says, so that nothing is checked on the way out; what does
not fit fails in a lowerer and ends the guest. See `host` for what is called, and `_serve` for what callbacks must not
do.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._kinds import KIND, NUMBERS
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import MEMORY, word
from orchestrator.engine._plan import plan
from orchestrator.engine._serve_hosted import catching
from orchestrator.engine._values import boxed, lifter, lowerer
from orchestrator.engine.host import Refused
from orchestrator.interface.numbers import number_code
from orchestrator.interface.types import Borrow, Own, Primitive, Result

if TYPE_CHECKING:
    from orchestrator.engine.host import Served
    from orchestrator.engine.instance import Instance
    from orchestrator.interface.types import Function, Type

Answer = Callable[[int, int, int], "int | None"]
"""(a store's context, the address of the arguments, the address for the result) -> an error, or nothing."""

_ANSWERS: list[Answer] = []
"""By number, from 1 on: a callback is given 0 as None."""

_ANSWER = """
def answer(context, arguments, results):
    caller = live[context]
    try:
        caller.host_left -= 1
        if caller.host_left < 0:
            caller.overdraw()
        handles = caller.handles
        {call}
    except BaseException as problem:
        return caller.raise_in_guest(problem)
    return None
"""
_PLAIN = "value = function(caller.host, {arguments})"
_LOWERED = (
    _PLAIN
    + """
        memory[results:results + 32] = lower(value, handles)"""
)
_FALLIBLE = """try:
            value = function(caller.host, {arguments})
        {catching}
            put_result(memory, results, result, 0, {error})
        else:
            put_result(memory, results, result, 1, {ok})"""


@c.HostCallback  # type: ignore[untyped-decorator]
def served(
    number: int, context: int, _type: int, arguments: int, _count: int, results: int, _result_count: int
) -> int | None:
    """The callback of every function that the host serves."""
    return _ANSWERS[number](context, arguments, results)


Write = Callable[["Function", "Served"], Answer]
"""What writes the answer for a function as an import wants it: one for each way that a call comes."""


@cache
def served_number(wanted: Function, function: Served, write: Write) -> int:
    """The number of a function as an import wants it, whose answer is written when it is first called."""

    def first(context: int, arguments: int, results: int) -> int | None:
        try:
            answer = _ANSWERS[number] = write(wanted, function)
        except BaseException as problem:
            return LIVE[context].raise_in_guest(problem)
        return answer(context, arguments, results)

    with _ADDING:
        number = len(_ANSWERS)
        _ANSWERS.append(first)
    return number


def _nothing(context: int, _arguments: int, _results: int) -> int | None:
    return LIVE[context].raise_in_guest(AssertionError("no function of the host has the number 0"))


_ANSWERS.append(_nothing)
_ADDING = threading.Lock()


def by_value(wanted: Function, function: Served) -> Answer:
    """What answers a call whose values come as C values."""
    calling = plan(wanted)
    names = dict(_NAMES)
    caught = "\n        ".join(catching(names, function))
    arguments = ", ".join(_argument(names, field.type, n * c.VALUE) for n, field in enumerate(wanted.params))
    if isinstance(wanted.result, Result):
        sides = {side: _payload(names, f"lower_{side}", type_) for side, type_ in _sides(wanted.result)}
        body = _FALLIBLE.format(arguments=arguments, catching=caught, **sides)
    else:
        names["lower"] = calling.lower_result
        body = (_PLAIN if wanted.result is None else _LOWERED).format(arguments=arguments)
    exec(compile(_ANSWER.format(call=body), f"<serve {wanted.name}>", "exec"), names)
    found: Answer = names["answer"]
    return found


_NAMES: dict[str, Any] = {
    "live": LIVE,
    "memory": MEMORY,
    "word": word,
    "boxed": boxed,
    "put_result": struct.Struct("<B7xB7xQ8x").pack_into,
    "result": KIND["result"],
}


def _argument(names: dict[str, Any], type_: Type, at: int) -> str:
    """The expression for the argument at an offset; what is most often there is read without a call between."""
    match type_:
        case Own(resource) | Borrow(resource):
            names[f"resource{at}"] = resource
            return f"handles.lift(word(arguments + {at + 8}), resource{at}, {isinstance(type_, Own)})"
        case Primitive(name) if number_code(type_):
            names[f"read{at}"] = NUMBERS[name].one.unpack_from
            return f"read{at}(memory, arguments + {at})[0]"
        case _:
            names[f"lift{at}"] = lifter(type_)
            return f"lift{at}(arguments + {at}, handles)"


def _sides(result: Result) -> tuple[tuple[str, Type | None], ...]:
    return ("ok", result.ok), ("error", result.err)


def _payload(names: dict[str, Any], name: str, type_: Type | None) -> str:
    """The expression for the address of what a case of a result carries: of `value`, on the C API's heap."""
    if type_ is None:
        return "0"
    names[name] = lowerer(type_)
    return f"boxed({name}(value, handles))"


def as_host_function(wanted: Function, function: Served) -> Callable[[Instance, Sequence[Any]], Any]:
    """The same as a function over the calling instance, for values that cross through memory."""
    fallible = isinstance(wanted.result, Result)

    def serve(caller: Instance, values: Sequence[Any]) -> Any:
        caller.count_call()
        try:
            value = function(caller.host, *values)
        except Refused as refused:
            if not fallible:
                raise
            return {"err": refused.error}
        return {"ok": value} if fallible else value

    return serve
