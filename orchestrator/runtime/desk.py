"""Decisions of the host over what a guest asks of it, as events of the run and node that asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orchestrator.audit import traceparent
from orchestrator.contract.redact import HIDDEN
from orchestrator.runtime.trail import Traced

if TYPE_CHECKING:
    from orchestrator.engine import Frame, Instance
    from orchestrator.wasi import Account


class _Desk:
    """See `orchestrator.wasi.session.Desk`. Knows all by the stay, so that one serves every instance.

    Of a node whose edges redact something it tells which power was used and which grant decided, and nothing that the
    guest may have written: why something is denied, or failed, can quote that as the subject does.
    """

    @staticmethod
    def decided(frame: Frame | None, operation: str, subject: str, rule: str, allowed: bool) -> None:
        """Records a decision."""
        if not isinstance(frame, Traced):  # an instance that is made ahead, or a destructor after the run
            return
        run = frame.run
        if run.hushed and frame.node in run.hushed:
            subject = HIDDEN
            operation, rule = (operation, rule) if allowed else (_hushed(operation), rule.partition(": ")[0])
        run.record(
            (
                "access", run.epoch + time.perf_counter_ns(), 0, run.id, run.span(), frame.span, frame.node, "",
                operation, -1, -1, "allowed" if allowed else "denied", rule, subject,
            )
        )  # fmt: skip
        if not allowed:
            run.denied(frame.node)

    @staticmethod
    def exchanged(
        frame: Frame | None, operation: str, subject: str, rule: str, began: int, detail: dict[str, Any]
    ) -> None:
        """Records what was allowed and took time."""
        if not isinstance(frame, Traced):
            return
        run = frame.run
        if run.hushed and frame.node in run.hushed:
            subject = HIDDEN
            if "error" in detail:
                detail["error"] = detail["error"].partition(": ")[0]
        took = max(1, time.perf_counter_ns() - began)
        run.record(
            (
                "access", run.epoch + began, took, run.id, run.span(), frame.span, frame.node, "", operation,
                detail.pop("sent", -1), detail.pop("received", -1), "failed" if "error" in detail else "allowed", rule,
                {"subject": subject, **detail},
            )
        )  # fmt: skip

    @staticmethod
    def traceparent(frame: Frame | None) -> str:
        """The stay's own span, in the run's trace."""
        if not isinstance(frame, Traced) or not frame.run.told:
            return ""
        return traceparent(frame.run.id, frame.span)

    @staticmethod
    def account(frame: Frame | None) -> Account | None:
        """What the instances of the stay's node share in its run."""
        return frame.run.account(frame.node) if isinstance(frame, Traced) else None

    @staticmethod
    def began(frame: Frame | None) -> int:
        """When the run began; without one the epoch: a destructor that runs after it must not see the time go by."""
        return frame.zero if isinstance(frame, Traced) else 0


def starved(instance: Instance) -> None:
    """Records that a guest was refused memory, and went on."""
    frame = instance.frame
    if isinstance(frame, Traced):
        most = instance.settings.memory
        said = f"the guest asked for more memory than its limit, {most} bytes, and went on without"
        frame.run.event("limit", frame, decision="denied", detail={"limit": "memory", "message": said})


def _hushed(operation: str) -> str:
    """An operation without what a guest may have written: the method of a request that is not granted."""
    return "http" if operation.startswith("http ") else operation


DESK = _Desk()
