"""Decisions of the host over what a guest asks of it, as events of the run and node that asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.contract.redact import HIDDEN
from orchestrator.runtime.visit import Visit

if TYPE_CHECKING:
    from orchestrator.engine import Frame


class _Desk:
    """See `orchestrator.wasi.session.Desk`. Knows all by the stay, so that one serves every instance."""

    @staticmethod
    def decided(frame: Frame | None, operation: str, subject: str, rule: str, allowed: bool) -> None:
        """Records a decision."""
        if not isinstance(frame, Visit):  # an instance that is made ahead, or a destructor after the run
            return
        run = frame.run
        if run.program.hushed and frame.node in run.program.hushed:
            subject = HIDDEN
        run.record(
            (
                "access", run.epoch + time.perf_counter_ns(), 0, run.id, run.span(), frame.span, frame.node, "",
                operation, -1, -1, "allowed" if allowed else "denied", rule, {"subject": subject},
            )
        )  # fmt: skip

    @staticmethod
    def began(frame: Frame | None) -> int:
        """When the run began; now where there is none."""
        return frame.run.began if isinstance(frame, Visit) else time.time_ns()


DESK = _Desk()
