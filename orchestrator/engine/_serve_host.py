"""What a guest's import runs into that the host serves: a callback written for the function's own types.

The host is trusted to give what the type says, so that nothing is checked on the way out; what does not fit fails in a
lowerer and ends the guest. See `host` for what is called, and `_serve` for what callbacks must not do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._live import LIVE
from orchestrator.engine._memory import MEMORY
from orchestrator.engine._plan import plan
from orchestrator.engine._values import boxed, lowerer, optional, result_of
from orchestrator.engine.host import Refused
from orchestrator.interface.types import Result

if TYPE_CHECKING:
    from orchestrator.engine._values import Lower
    from orchestrator.engine.host import Served
    from orchestrator.interface.types import Function

_CALLBACK = """
def callback(_env, context, _type, arguments, _count, results, _result_count):
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


def serve_host(wanted: Function, function: Served) -> Any:
    """The callback that answers an import by a function of the host."""
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
    source = _CALLBACK.format(call=body.format(arguments=arguments))
    exec(compile(source, f"<serve {wanted.name}>", "exec"), names)
    return c.HostCallback(names["callback"])


def _side(type_: Result, side: str) -> Lower:
    """What lowers a result from what stands in one of its cases."""
    lower = optional(lowerer, getattr(type_, side))
    fine = side == "ok"
    if lower is None:
        empty = result_of(fine, 0)
        return lambda _value, _handles: empty
    return lambda value, handles: result_of(fine, boxed(lower(value, handles)))
