"""Detectors at work: nodes that are shown what crosses an edge, as JSON, and say whether it may.

A detector is called as any node is: in the run, within the time that the crossing has, as one of the run's calls, in an
instance of its own lifetime. Its call is an event beneath the crossing. Whatever keeps it from judging ends what would
have crossed: nothing crosses that was not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.contract.detect import MOST, found, too_large
from orchestrator.contract.redact import HIDDEN
from orchestrator.engine import Denial
from orchestrator.errors import ComponentFailed
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.convert import arguments, write_json, written
from orchestrator.interface.sizes import size
from orchestrator.interface.types import STRING, Result
from orchestrator.runtime.gates import call_node

if TYPE_CHECKING:
    from orchestrator.contract import Violation
    from orchestrator.engine import Exported
    from orchestrator.interface.allowance import See
    from orchestrator.interface.types import Function, Type
    from orchestrator.link.model import LinkedNode
    from orchestrator.runtime.crossing import Crossing
    from orchestrator.runtime.visit import Visit


def edge_of(edge: str, node: str) -> str:
    """What the calls of a detector go over, as events name it."""
    return f"detect: {edge} -> {node}"


def shown_of(function: Function) -> dict[str, Type]:
    """What a detector is shown of a call: the types, where there is something to show."""
    shown: dict[str, Type] = {"arguments": arguments(function)} if function.params else {}
    return shown if function.result is None else {**shown, "result": function.result}


class Judge:
    """One detector of one edge.

    Arguments:
        crossing: its calls.
        node: the detector.
        function: the one that judges.
        target: the same as its instance has it; None for a Python node.
        hidden: whether what it says is not shown.
    """

    def __init__(
        self, crossing: Crossing, node: LinkedNode, function: Function, target: Exported | None, hidden: bool
    ) -> None:
        self._crossing, self._node, self._function, self._target = crossing, node, function, target
        self.name, self.hidden = node.name, hidden

    def reason(self, around: Visit, text: str) -> str | None:
        """Why the value may not cross, in the detector's words; None where it may.

        Arguments:
            around: the crossing.
            text: the value as JSON.

        Raises:
            RunError: it did not judge.
        """
        crossing = self._crossing
        visit = crossing.begin(around, size(STRING, text), None)
        assert not isinstance(visit, Denial), "no rule is asked of a detector's call, so that none denies it"
        try:
            read, response = call_node(self._node, self._function, self._target, visit, (text,))
        except BaseException as problem:
            crossing.failed(visit, problem)
            raise
        crossing.end(visit, response, read)
        result = read(visit.check)
        late = around.problem()
        if late is not None:
            raise late
        if "err" in result:
            raise self._refused(result["err"])
        verdict = result["ok"]
        return None if verdict["clean"] else str(verdict["reason"])

    def _refused(self, problem: Any) -> ComponentFailed:
        """The error for a detector that does not judge."""
        type_ = self._function.result
        assert isinstance(type_, Result)
        assert type_.err is not None
        where = {"node": self.name, "edge": self._crossing.edge}
        message = f"{self._crossing.function} answered with an error"
        if self.hidden:
            return ComponentFailed(message, value=HIDDEN, shown=HIDDEN, **where)
        text = write_json(type_.err, problem)
        return ComponentFailed(message, value=problem, shown=text if len(text) <= 500 else text[:500] + "…", **where)


class Judges:
    """The detectors of one edge, for one of its functions or for its value.

    Arguments:
        judges: in the order in which they are asked; the first that finds something is the last.
        types: of what they are shown, by what it is called: `arguments`, `result`, `value`.
    """

    def __init__(self, judges: Sequence[Judge], types: Mapping[str, Type]) -> None:
        self._judges, self._types = tuple(judges), dict(types)

    def find(self, around: Visit, what: str, see: See | None) -> Violation | None:
        """What is wrong with a value that is about to cross; None where nothing is, or where there is no value.

        Raises:
            RunError: a detector did not judge.
        """
        type_ = self._types.get(what)
        if type_ is None:
            return None
        with Allowance(check=around.check):
            text = written(type_, None if see is None else see(around.check), MOST)
        if text is None:
            return too_large(what)
        for judge in self._judges:
            reason = judge.reason(around, text)
            if reason is not None:
                return found(judge.name, what, reason, hidden=judge.hidden)
        return None
