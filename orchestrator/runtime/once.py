"""One execution of a node's `run`: the instance entered, the call made, the execution recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.contract.redact import HIDDEN
from orchestrator.engine import Carried, python_of
from orchestrator.errors import Cancelled, ComponentFailed, RunError, TimedOut
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.convert import has_json, write_json
from orchestrator.interface.plain import plain
from orchestrator.interface.types import Result, Type
from orchestrator.runtime.crossing import explained
from orchestrator.runtime.gates import call_python
from orchestrator.runtime.rooms import Taint
from orchestrator.runtime.states import Done, Erred
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Frame, Instance
    from orchestrator.runtime.rooms import Rooms
    from orchestrator.runtime.run import Run
    from orchestrator.runtime.steps import Step


class Own:
    """The instance of one element of `each`: fresh, kept through its rounds and tries as that of a run is.

    It is replaced when it trapped, and when its node was taken back for what it did in another instance.
    """

    def __init__(self) -> None:
        self._instance: Instance | None = None
        self._visit: Visit | None = None
        self._times = 0
        """How often its node was taken back for what it did, when this was entered last."""

    def entered(self, rooms: Rooms, visit: Visit) -> Instance:
        """The instance, entered; the visit notes it."""
        kept, before, self._visit = self._instance, self._times, visit
        taint = rooms.taints.get(visit.node, Taint())
        self._times = taint.times
        elsewhere = taint.times - before > (taint.instance is kept)
        if kept is None or kept.gone or elsewhere:
            if kept is not None:
                self._instance = None  # it is another's from then on
                rooms.replaced(kept, visit, taint.rule)
                kept.dismiss(visit)
            kept = self._instance = rooms.fresh(visit)
            visit.fresh = False
        visit.own = kept
        rooms.enter(visit, kept)
        return kept

    def close(self) -> None:
        """It is needed no more."""
        if self._instance is not None:
            self._instance.dismiss(self._visit)


@dataclass(frozen=True, slots=True)
class Stay:
    """What one execution of a node is part of.

    Arguments:
        around: until when it may run.
        element: which element of `each`, from 0.
        own: the element's own instance; None where the node's instance serves, or each call has one of its own.
        attempt: which try, from 1, of a node with `retry`.
        round: which round, from 1, of a node with `repeat`.
    """

    around: Frame
    element: int | None = None
    own: Own | None = None
    attempt: int | None = None
    round: int | None = None


def once(run: Run, step: Step, arguments: list[Any], stay: Stay | None = None) -> Done | Erred:
    """Executes the node once.

    Arguments:
        arguments: one for each parameter, checked or carried.
        stay: what it is part of, where that is more than the run.

    Raises:
        RunError: it failed; an error of its result is none.
    """
    visit = run.visit(step.name, stay.around if stay else None)
    if step.timeout:
        visit.within(step.node.limits.timeout, step.timeout)
    run.started(visit)
    run.open[visit.span] = visit
    detail = _detail(step, stay)
    try:
        result, response = _called(run, step, visit, arguments, stay.own if stay else None, detail)
    except BaseException as problem:
        found = _failed(run, step, visit, problem, detail)
        raise found from found.__cause__
    state = _state(step, result)
    if state.__class__ is Erred:
        detail = {**detail, "error": err_message(step), "error_type": ComponentFailed.__name__}
    if run.open.pop(visit.span, None) is not None:
        run.ended(visit, step.title, _request(step, arguments), response, state.__class__ is Done, detail)
    return state


def _detail(step: Step, stay: Stay | None) -> dict[str, Any]:
    """What an event of the node says of it."""
    if stay is None:
        return dict(step.detail) if step.metered else step.detail
    numbers = {"element": stay.element, "attempt": stay.attempt, "round": stay.round}
    return step.detail | {name: number for name, number in numbers.items() if number is not None}


def _called(
    run: Run, step: Step, visit: Visit, arguments: list[Any], own: Own | None, detail: dict[str, Any]
) -> tuple[Any, int]:
    """The result of the node's `run`, as it came, and its size; the fuel that was used is noted in `detail`."""
    node, target = step.node, step.target
    if target is None:
        assert node.python is not None
        values = [python_of(value, visit.check) for value in arguments]
        found = call_python(node.python, step.function, values, visit)
    else:
        rooms = run.rooms
        instance = rooms.entered(visit) if own is None else own.entered(rooms, visit)
        try:
            run.quarantine.called(step.name, step.title)
            found = instance.call_carried(target, arguments)
            rooms.step(step.name, instance)
        finally:
            if step.metered:
                detail["fuel"] = instance.used()
            instance.leave()
            if visit.fresh:
                instance.dismiss(visit)
    if step.timeout and visit.remaining() <= 0:
        raise TimedOut(visit.limit, deadline=visit.deadline)
    return found


def _state(step: Step, result: Any) -> Done | Erred:
    """How the execution ended, by the side of its result where that is one."""
    if not step.is_result:
        return Done(result)
    if isinstance(result, Carried):
        is_ok, value = result.side()
        return Done(value) if is_ok else Erred(value)
    return Done(result["ok"]) if "ok" in result else Erred(result["err"])


def _request(step: Step, arguments: list[Any]) -> int:
    """The size of the arguments that have one."""
    total = 0
    for place, measure in step.measures:
        value = arguments[place]
        total += value.size() if isinstance(value, Carried) else measure(value)
    return total


def _failed(run: Run, step: Step, visit: Visit, problem: BaseException, detail: dict[str, Any]) -> RunError:
    """The error for a failed execution, recorded."""
    found = problem if isinstance(problem, RunError) else explained(problem)
    found = run.placed(found, step.name, visit=visit)
    over = isinstance(found, Cancelled) or run.ended_by(found)
    if run.open.pop(visit.span, None) is not None:
        run.event("node", visit, function=step.title, decision="cancelled" if over else "failed",
                  detail={**detail, "error": found.message, "error_type": type(found).__name__})  # fmt: skip
    return found


def err_message(step: Step) -> str:
    """What is said where the node answered with the error of its result."""
    return f"{step.title} answered with an error"


def answered_err(run: Run, step: Step, value: Any) -> ComponentFailed:
    """The error that ends the run with the value; the value stands in the exception and in no event."""
    result = step.function.result
    type_ = result.err if isinstance(result, Result) else None
    if type_ is not None and step.name in run.program.hushed:
        return ComponentFailed(err_message(step), value=HIDDEN, shown=HIDDEN, node=step.name)
    python = run.python(value, step.name)
    with Allowance(check=run.frame.check):
        said = plain(type_, python)
        shown = "" if type_ is None else _shown(type_, said)
    return ComponentFailed(err_message(step), value=said, shown=shown, node=step.name)


def _shown(type_: Type, value: Any) -> str:
    text = write_json(type_, value) if has_json(type_) else repr(value)
    return text if len(text) <= 500 else text[:500] + "…"
