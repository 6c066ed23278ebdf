"""Call edges, as the engine asks them: which instance a guest's call goes to, and what the edge has to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from orchestrator.contract.redact import HIDDEN
from orchestrator.engine import Denial, python_of
from orchestrator.errors import PythonNodeFailed, ValueMismatch
from orchestrator.interface.allowance import Allowance, once
from orchestrator.interface.convert import check
from orchestrator.interface.plain import plain
from orchestrator.interface.sizes import size
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine import Exported, Frame, Instance
    from orchestrator.engine.linker import Answering
    from orchestrator.interface.allowance import Check, See
    from orchestrator.interface.types import Function
    from orchestrator.link.model import LinkedNode
    from orchestrator.runtime.crossing import Crossing


class EdgeGate:
    """One function of a call edge between two components."""

    __slots__ = ("_crossing", "begin", "end", "needs_result", "wanted_args")

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing
        self.wanted_args, self.needs_result = crossing.wanted_args, crossing.needs_result
        self.begin: Callable[[Any, int, See | None], Visit | Denial] = crossing.begin
        self.end: Callable[[Any, int, See | None], Denial | None] = crossing.end

    def arrive(self, frame: Frame) -> Instance:
        """The callee's instance in the caller's run, entered; the next call of the visit finds it there."""
        visit = cast(Visit, frame)
        visit.instance = None
        rooms = visit.run.rooms
        instance = rooms.entered(visit, nested=True)
        if not visit.fresh and not rooms.budgeted(visit.node):
            visit.instance = instance
            if rooms.outlives(visit.node):
                self._crossing.resident = instance
        return instance

    def fail(self, caller: Instance, frame: Frame | None, problem: BaseException) -> Denial:
        """The call failed, in the callee or before it."""
        if frame is None:
            raise problem
        return self._crossing.failed(cast(Visit, frame), problem)


def python_host(crossing: Crossing, wanted: Function, function: Callable[..., Any]) -> Answering:
    """What answers for a call edge that leads to a Python node: its arguments are made once, for rules and node."""
    names = [field.name for field in wanted.params]

    def host(caller: Instance, request: int, read: See) -> Any:
        seen = once(read)
        visit = crossing.begin(
            cast(Visit, caller.frame), request, lambda check: dict(zip(names, seen(check), strict=True))
        )
        if isinstance(visit, Denial):
            return visit.value
        try:
            result, response = call_python(function, wanted, seen(visit.check), visit)
        except BaseException as problem:
            return crossing.failed(visit, problem).value
        refused = crossing.end(visit, response, lambda _check: result)
        return result if refused is None else refused.value

    return host


def call_node(
    node: LinkedNode, function: Function, target: Exported | None, visit: Visit, values: Sequence[Any]
) -> tuple[See, int]:
    """Calls a function of a node out of the host; what makes its result, and the size of that.

    Arguments:
        target: the function as the node's instance has it; None for a Python node, which is that function.
        visit: the call, which has begun.
    """
    if target is None:
        assert node.python is not None
        result, response = call_python(node.python, function, values, visit)
        return (lambda _check: result), response
    instance = visit.run.rooms.entered(visit)
    try:
        value, response = instance.call_carried(target, values)
    finally:
        instance.leave()
        if visit.fresh:
            instance.dismiss(visit)
    most = instance.settings.objects

    def read(check: Check) -> Any:
        with Allowance(most, check):
            return plain(function.result, python_of(value, check))

    return once(read), response


def call_python(python: Callable[..., Any], function: Function, values: Sequence[Any], visit: Visit) -> tuple[Any, int]:
    """Calls the function of a Python node: its result in the Python form of its type, and the size of that.

    Raises:
        PythonNodeFailed: it raised, or gave something else than it says; what was raised is the cause.
    """
    hushed = visit.node in visit.run.program.hushed
    try:
        result = python(*values)
    except BaseException as problem:
        said = str(problem).splitlines()
        text = f"{type(problem).__name__}: {HIDDEN if hushed else said[0]}" if said else type(problem).__name__
        raise PythonNodeFailed(f"the Python node raised {text}", node=visit.node) from problem
    if function.result is None:
        return None, 0
    try:
        result = check(function.result, result, "result")
    except ValueMismatch as problem:
        message = f"the Python node's result does not fit its type: expected {problem.expected} at `{problem.path}`"
        causes = () if hushed else (f"found {problem.found}",)
        raise PythonNodeFailed(message, node=visit.node, causes=causes) from problem
    return result, size(function.result, result)
