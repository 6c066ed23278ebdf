"""A gate for tests: lets every call through to one instance, and remembers what it was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engine import Denial, Frame, Instance
from orchestrator.interface.allowance import See, go_on


class Pass:
    """Lets every call through.

    Arguments:
        callee: the instance that answers.
        sees: whether it asks for the arguments and the result as Python values.
    """

    def __init__(self, callee: Instance, sees: bool = False) -> None:
        self.callee = callee
        self.wanted_args: frozenset[str] | None = None if sees else frozenset()
        self.needs_result = sees
        self.request = self.response = -1
        self.args: Mapping[str, Any] | None = None
        self.result: Any = None
        self.problems: list[str] = []

    def begin(self, caller: Frame | None, size: int, args: See | None) -> Frame | Denial:
        self.request, self.args = size, None if args is None else args(go_on)
        around = caller or Frame()
        return Frame(around.stop, around.deadline, around.limit)

    def arrive(self, frame: Frame) -> Instance:
        self.callee.enter_nested(frame)
        return self.callee

    def end(self, frame: Frame, size: int, result: See | None) -> Denial | None:
        self.response, self.result = size, None if result is None else result(go_on)
        return None

    def fail(self, caller: Instance, frame: Frame | None, problem: BaseException) -> Denial:
        self.problems.append(f"{type(problem).__name__}: {problem}")
        raise problem
