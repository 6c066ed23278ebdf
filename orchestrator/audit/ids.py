"""Identities of runs and spans, and the W3C trace context that carries them in and out of a process.

Format: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII | re.DOTALL)
_STEP = 0x9E3779B97F4A7C15
"""Odd, so that multiplying by it modulo 2**64 keeps different spans different; it spreads them over all bits."""
_MASK = 2**64 - 1


class Parent(NamedTuple):
    """The span of a caller: 32 and 16 hexadecimal digits, and whether the caller records it."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(text: str) -> Parent | None:
    """The caller's span in a `traceparent` header; None where the header is not valid and is to be ignored."""
    found = _TRACEPARENT.fullmatch(text.strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Parent(trace_id, span_id, bool(int(flags, 16) & 1))


def new_trace_id() -> str:
    """A random trace id: 32 hexadecimal digits, not all zero."""
    while True:
        digits = os.urandom(16).hex()
        if digits.strip("0"):
            return digits


def new_run(traceparent: str = "") -> str:
    """What stands for a run in its events.

    Without a (valid) `traceparent` it is a new trace id. With one it is the caller's trace id, a dash and 16 random
    digits, so that several runs in one trace stay apart; `trace_id` gives the trace id of either.
    """
    parent = parse_traceparent(traceparent)
    return f"{parent.trace_id}-{os.urandom(8).hex()}" if parent else new_trace_id()


def trace_id(run: str) -> str:
    """The trace id of a run: its first 32 digits."""
    return run[:32]


def span_id(run: str, span: int) -> int:
    """The 64-bit span id of a run's span; the same whenever it is asked, never 0."""
    return (_base(run) + span * _STEP) & _MASK or 1


def traceparent(run: str, span: int = 1) -> str:
    """The `traceparent` header that makes what it is handed to a child of the span."""
    return f"00-{trace_id(run)}-{span_id(run, span):016x}-01"


@lru_cache(maxsize=256)
def _base(run: str) -> int:
    import hashlib

    return int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big")
