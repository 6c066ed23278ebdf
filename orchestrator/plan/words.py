"""The parts of a plan's JSON form in words, for its text and for what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.capability.limits import SHOWN
from orchestrator.manifest.scalars import show_duration, show_rate, show_size, show_time

Item = Mapping[str, Any]


def storage(item: Item) -> str:
    """A granted folder."""
    text = f"{item['access']} {item['path']} at {item['at']}"
    bounds = []
    if item["quota"] is not None:
        bounds.append(f"adds at most {show_size(item['quota'])}")
    if item["files"] is not None:
        bounds.append(f"{item['files']} files" if bounds else f"adds at most {item['files']} files")
    return ", ".join([text, *bounds, *(["hidden files too"] if item["hidden"] else [])])


def http(item: Item) -> str:
    """Granted addresses."""
    bounds = [
        *([f"sends at most {show_size(item['max-request'])}"] if item["max-request"] is not None else []),
        *([f"takes at most {show_size(item['max-response'])}"] if item["max-response"] is not None else []),
        *([f"within {show_duration(item['timeout'])}"] if item["timeout"] is not None else []),
    ]
    bounds += ["without the trace"] if item.get("trace") is False else []
    return ", ".join([f"{', '.join(item['methods'])} {item['url']}", *bounds])


def secret(item: Item) -> str:
    """A granted secret."""
    return f"{item['name']} to {item['to']}, in `{item['header']}`"


SIZES = ("max-request", "max-response", "max-bytes")
"""Rules of a contract that are sizes, and two of them bounds of an http grant."""
ROWS = {"storage": storage, "http": http, "secrets": secret}
"""By the key of a grant of which there may be several: how one is said."""


def clock(grants: Item) -> str:
    """What is told of the time."""
    at = grants["clock-at"]
    try:
        return str(grants["clock"]) if at is None else f"fixed at {show_time(at)}"
    except ValueError:
        return f"fixed at {at} seconds from 1970"


def limit(key: str, value: Any) -> str:
    """A limit's value, or a contract's, as the language writes it."""
    if value is None:
        return "no bound"
    if isinstance(value, bool):
        return str(value).lower()
    show = show_size if key in (*SIZES, "quota") else SHOWN.get(key.replace("-", "_"), str)
    return show(value)


def contract(rules: Item) -> Iterator[str]:
    """The rules of a contract, a text each."""
    if rules["functions"] is not None:
        yield f"functions: {', '.join(rules['functions'])}"
    if rules["max-calls"] is not None:
        yield f"max-calls: {rules['max-calls']}"
    if rules["rate"] is not None:
        yield f"rate: {_rate(*rules['rate'])}"
    if rules["timeout"] is not None:
        yield f"timeout: {show_duration(rules['timeout'])}"
    for key in SIZES:
        if rules[key] is not None:
            yield f"{key}: {show_size(rules[key])}"
    yield from (f"{key}: {text}" for key in ("require", "ensure", "redact") for text in rules[key])
    yield from (f"reject: {pattern} in {path}" for path, pattern in rules["reject"])
    yield from (f"detect: {node}" for node in rules["detect"])
    if rules["on-violation"] != "fail":
        yield f"on-violation: {rules['on-violation']}"


def _rate(count: int, seconds: float) -> str:
    try:
        return show_rate((count, seconds))
    except ValueError:
        return f"{count} in {seconds:g}s"
