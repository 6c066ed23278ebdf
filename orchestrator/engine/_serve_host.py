"""What a guest's import runs into that the host serves: a function written for the types of the served one.

One callback serves them all, in every linker: the C API hands it the number of the function, which is written when it
is first called. The host is trusted to give what the type says, so that nothing is checked on the way out; what does
not fit fails in a lowerer and ends the guest. See `host` for what is called, and `_serve` for what callbacks must not
do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._plan import plan
from orchestrator.engine._serve_hosted import written
from orchestrator.engine._values import boxed, lowerer, optional, result_of
from orchestrator.engine.host import Refused
from orchestrator.interface.types import Result

if TYPE_CHECKING:
    from orchestrator.engine._values import Lower
    from orchestrator.engine.host import Served
    from orchestrator.engine.instance import Instance
    from orchestrator.interface.types import Function

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
            raise caller.spent()
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
        except Refused as refused:
            memory[results:results + 32] = lower_error(refused.error, handles)
        else:
            memory[results:results + 32] = lower(value, handles)"""


@c.HostCallback  # type: ignore[untyped-decorator]
def served(
    number: int, context: int, _type: int, arguments: int, _count: int, results: int, _result_count: int
) -> int | None:
    """The callback of every function that the host serves."""
    return _ANSWERS[number](context, arguments, results)


@cache
def served_number(wanted: Function, function: Served, hosted: bool) -> int:
    """The number of a function as an import wants it.

    Arguments:
        hosted: whether it is called through the guest's shim.
    """
    write = written if hosted else _written

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


def _written(wanted: Function, function: Served) -> Answer:
    """What answers a call of the function."""
    calling = plan(wanted)
    names: dict[str, Any] = {"live": LIVE, "function": function, "memory": MEMORY, "Refused": Refused}
    names |= {f"lift{number}": lift for number, lift in enumerate(calling.lift)}
    arguments = ", ".join(f"lift{n}(arguments + {n * c.VALUE}, handles)" for n in range(len(calling.lift)))
    if isinstance(wanted.result, Result):
        names |= {"lower": _side(wanted.result, "ok"), "lower_error": _side(wanted.result, "err")}
        body = _FALLIBLE
    else:
        names["lower"] = calling.lower_result
        body = _PLAIN if wanted.result is None else _LOWERED
    source = _ANSWER.format(call=body.format(arguments=arguments))
    exec(compile(source, f"<serve {wanted.name}>", "exec"), names)
    found: Answer = names["answer"]
    return found


def _side(type_: Result, side: str) -> Lower:
    """What lowers a result from what stands in one of its cases."""
    lower = optional(lowerer, getattr(type_, side))
    fine = side == "ok"
    if lower is None:
        empty = result_of(fine, 0)
        return lambda _value, _handles: empty
    return lambda value, handles: result_of(fine, boxed(lower(value, handles)))


def as_host_function(wanted: Function, function: Served) -> Callable[[Instance, Sequence[Any]], Any]:
    """The same as a function over the calling instance, for values that cross through memory."""
    fallible = isinstance(wanted.result, Result)

    def serve(caller: Instance, values: Sequence[Any]) -> Any:
        caller.host_left -= 1
        if caller.host_left < 0:
            raise caller.spent()
        try:
            value = function(caller.host, *values)
        except Refused as refused:
            if not fallible:
                raise
            return {"err": refused.error}
        return {"ok": value} if fallible else value

    return serve
