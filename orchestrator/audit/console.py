"""The tree of a run as lines of text for a terminal."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.audit.ids import trace_id
from orchestrator.audit.tally import Tally, key_of
from orchestrator.diagnostics import Paint, plain, printable
from orchestrator.wording import counted, duration, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orchestrator.audit.events import Event

_WIDEST = 76
"""Columns up to which the times are lined up; a longer line has its time where it ends."""
_LONGEST = 160
"""Characters of a name or of a line that a guest printed."""
_PRINTED = 10
"""Lines shown of what a node printed."""
_TOLD = ("storage ", "http ", "secret ")
"""The powers whose use is shown where it was allowed."""


def tree(events: Iterable[Event], paint: Paint = plain) -> list[str]:
    """The runs among the events, each as a tree: nodes, crossings, what went wrong, what guests printed.

    Crossings of the same edge and function in the same place are one line with their number; calls over a fused edge
    have `~` in front and no time. Times are sums of durations. Everything that a component or a manifest named is
    escaped.

    Arguments:
        events: of runs that have ended, or not: a run without its own event is shown as unfinished.
        paint: colours a text; the roles are run, node, call, data, output, error, size, time and gutter.

    Returns:
        The lines, without line ends.
    """
    runs: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        runs[event.run].append(event)
    return [line for run, its in runs.items() for line in _run_lines(run, its, paint)]


class Console:
    """Writes the tree of each run when it ends.

    Put it behind `Thinned`: it holds the events of runs that have not ended.

    Arguments:
        write: takes text; called from the recorder's thread.
        paint: see `tree`.
    """

    def __init__(self, write: Callable[[str], object], paint: Paint = plain) -> None:
        self._write, self._paint = write, paint
        self._runs: dict[str, list[Event]] = defaultdict(list)

    def export(self, events: Sequence[Event]) -> None:
        """Takes a batch, and writes the trees of the runs that it ends."""
        for event in events:
            self._runs[event.run].append(event)
            if event.kind == "run":
                self._show(self._runs.pop(event.run))

    def flush(self, timeout: float) -> bool:
        """Nothing waits that could be written."""
        return True

    def close(self, timeout: float) -> list[str]:
        """Writes what there is of runs that have not ended."""
        while self._runs:
            self._show(self._runs.popitem()[1])
        return []

    def _show(self, events: list[Event]) -> None:
        self._write("".join(f"{line}\n" for line in tree(events, self._paint)))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line before its time is lined up: how deep its tree is drawn, and its parts with their roles."""

    gutter: str
    parts: tuple[tuple[str, str], ...]
    time: str = ""

    def paint(self, paint: Paint, width: int) -> str:
        text = paint("gutter", self.gutter) if self.gutter else ""
        text += " ".join(paint(role, part) for role, part in self.parts)
        if not self.time:
            return text
        return text + " " * max(2, width - self.width + 2) + paint("time", f"{self.time:>8}")

    @property
    def width(self) -> int:
        return len(self.gutter) + sum(len(part) + 1 for _, part in self.parts) - 1


def _run_lines(run: str, events: list[Event], paint: Paint) -> list[str]:
    own = next((event for event in events if event.kind == "run"), None)
    within = _within(events)
    lines = [_head(run, own), *_below(within.pop(1, []), within, "")]
    # What lost its parent is not lost.
    lines += _below([event for left in list(within.values()) for event in left], {}, "")
    width = min(_WIDEST, max(line.width for line in lines if line.time or line is lines[0]))
    return [line.paint(paint, width) for line in lines]


def _within(events: list[Event]) -> dict[int, list[Event]]:
    """The events by the span that they happened in; sums that belong to no one place stand by one of their kind."""
    places = {key_of(event): event.parent for event in events if event.kind != "rest" or event.span > 0}
    within: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind not in ("run", "start") and not _is_quiet(event):
            spread = event.kind == "rest" and event.parent == 1
            parent = places.get(key_of(event), 1) if spread else event.parent or 1
            within[parent].append(event)
    return within


def _is_quiet(event: Event) -> bool:
    """Whether it is an access that shows nothing of the host's and was allowed: of the clock, of what was printed."""
    key = key_of(event)
    return key[0] == "access" and event.decision == "allowed" and not key[3].startswith(_TOLD)


def _head(run: str, own: Event | None) -> _Line:
    if own is None:
        return _Line("", (("run", "run"), ("error", "not ended"), ("gutter", f"trace {printable(trace_id(run))}")))
    detail = own.detail or {}
    name = _cut(str(detail.get("pipeline") or own.function or "run"))
    return _Line(
        "", (("run", name), *_ending(own), ("gutter", f"trace {printable(trace_id(run))}")), _time(own.duration)
    )


def _below(events: list[Event], within: dict[int, list[Event]], gutter: str) -> list[_Line]:
    groups: dict[object, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.start):
        groups[_place(event)].append(event)
    lines: list[_Line] = []
    for number, group in enumerate(groups.values(), 1):
        last = number == len(groups)
        branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
        lines += _group(group, within, gutter + branch, gutter + below)
    return lines


def _place(event: Event) -> object:
    """What is shown in one line; each run of a node has its own, while there are no more of them than a few."""
    kind, *rest = key_of(event)
    return (kind, *rest, event.parent if kind == "output" else 0)


def _group(group: list[Event], within: dict[int, list[Event]], gutter: str, below: str) -> Iterator[_Line]:
    first = group[0]
    total = Tally()
    for event in group:
        total.add(event)
    kind = key_of(first)[0]
    if kind == "output":
        yield from _output(group, gutter, below)
    elif kind == "access" and first.decision != "allowed":
        yield _Line(gutter, (("error", _denied(first)), *_times(total)))
    elif kind in ("violation", "limit", "retry", "fallback", "declassify", "revert"):
        yield _Line(gutter, (("error", _trouble(first, kind)), *_times(total)))
    elif total.fused:
        yield _Line(gutter, (("gutter", "~"), *_name(first, kind), ("size", f"{counted(total.count, 'call')}, fused")))
    else:
        sizes = tuple(("size", text) for text in (_size(total),) if text)
        ending = _ending(first) if first.decision != "allowed" else ()
        yield _Line(gutter, (*_name(first, kind), *_times(total), *sizes, *ending), _time(total.busy))
    inner = [event for outer in group for event in within.pop(outer.span, [])]
    yield from _below(inner, within, below)


def _name(event: Event, kind: str) -> tuple[tuple[str, str], ...]:
    if kind == "access":
        return (("call", _cut(event.function)),)
    if kind == "data":
        return (("data", _cut(event.edge)),)
    node = (("node", _cut(event.node)),) if event.node else ()
    return node if kind == "node" else (*node, ("call", _cut(event.function or event.edge)))


def _times(total: Tally) -> tuple[tuple[str, str], ...]:
    return (("size", f"×{total.count}"),) if total.count > 1 else ()


def _ending(event: Event) -> tuple[tuple[str, str], ...]:
    if event.decision == "allowed":
        return (("size", "ok"),)
    by = f" by {event.rule}" if event.rule else ""
    why = str((event.detail or {}).get("error") or "")
    return (("error", _cut(event.decision + by + (f": {why}" if why else ""))),)


def _trouble(event: Event, kind: str) -> str:
    detail = event.detail or {}
    what = f"{kind} of {event.rule}" if event.rule else kind
    if kind == "fallback":
        what = f"{what} to {detail.get('to')}"
    if kind == "declassify":
        what = f"declassifies {', '.join(map(str, detail.get('labels') or ()))}"
    if kind == "revert":
        pages, by = detail.get("pages"), detail.get("by")
        what = f"{event.node} taken back ({event.rule}): " + (str(by) if by else f"{pages} pages")
        if "kept" in detail:
            what += f"; what it held is kept as {detail['kept']}"
        elif "not-kept" in detail:
            what += f"; what it held could not be kept: {detail['not-kept']}"
    message = str(detail.get("message") or detail.get("limit") or detail.get("because") or detail.get("reason") or "")
    return _cut(f"! {what}" + (f": {message}" if message else ""))


def _denied(event: Event) -> str:
    subject = str((event.detail or {}).get("subject") or "")
    return _cut(f"! denied {event.function}" + (f" {subject}" if subject else "") + f": {event.rule}")


def _output(group: list[Event], gutter: str, below: str) -> Iterator[_Line]:
    """What was printed, line by line."""
    lines = [
        (str((event.detail or {}).get("stream") or "output"), line)
        for event in group
        for line in str((event.detail or {}).get("text") or "").rstrip("\n").split("\n")
    ]
    for number, (stream, text) in enumerate(lines[:_PRINTED]):
        yield _Line(below if number else gutter, (("gutter", f"{printable(stream)}:"), ("output", _cut(text))))
    if len(lines) > _PRINTED:
        yield _Line(below, (("gutter", f"… {len(lines) - _PRINTED} more lines"),))


def _size(total: Tally) -> str:
    known = [size(number) for number in (total.request, total.response) if number >= 0]
    return " -> ".join(known)


def _time(nanoseconds: int) -> str:
    """The time to show; nothing for what is a moment."""
    return duration(nanoseconds) if nanoseconds else ""


def _cut(text: str) -> str:
    shown = printable(text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
