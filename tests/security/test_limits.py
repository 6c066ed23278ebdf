"""`limits`: a guest that asks for more than it was allowed is ended or refused, and the host stays as it was."""

from __future__ import annotations

import pytest

from orchestrator.manifest.model import Limits
from tests.support.granting import faults, granted


def test_every_limit_arrives() -> None:
    found = granted(
        "limits: {memory: 64MiB, tables: 10_000, timeout: 5s, fuel: 1_000_000_000, host-calls: 1000, output: 1MiB,"
        " handles: 1000}"
    ).limits
    assert found == Limits(64 << 20, 10_000, 5.0, 1_000_000_000, host_calls=1000, output=1 << 20, handles=1000)


def test_nothing_at_all_may_be_a_limit() -> None:
    found = granted("limits: {tables: 0, host-calls: 0, output: 0B, handles: 0}").limits
    assert found == Limits(tables=0, host_calls=0, output=0, handles=0)


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        ("tables: -1", "out-of-range: `limits.tables` of node `a` is -1"),
        ("fuel: 0", "out-of-range: `limits.fuel` of node `a` is 0"),
        ("fuel: 1e9", "wrong-kind: `limits.fuel` of node `a` must be a whole number"),
        ("host-calls: many", "wrong-kind: `limits.host-calls` of node `a` must be a whole number"),
        ("output: 100", "size: `limits.output` of node `a` must be a size"),
        ("handles: 1.5", "wrong-kind: `limits.handles` of node `a` must be a whole number"),
        ("instructions: 5", "unknown-key: `limits` of node `a` has no key `instructions`"),
    ],
)
def test_a_limit_that_is_wrong_is_no_limit_that_is_left_out(limit: str, fault: str) -> None:
    (found,) = faults(f"limits: {{{limit}}}")
    assert found.startswith(fault)
