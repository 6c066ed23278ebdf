"""Shows a run while it goes on: a live tree of its nodes at a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.cli import _terminal as terminal
from orchestrator.cli._progress import Progress
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.audit import Event, Subscription
    from orchestrator.cli._progress import Node

Take = Callable[["Event"], None]

_STYLES = {"waiting": "dim", "running": "bold cyan", "done": "green", "failed": "bold red", "cancelled": "yellow"}
_MARKS = {"waiting": "·", "running": "▸", "done": "✓", "failed": "✗", "cancelled": "–"}
_ASCII_MARKS = {"waiting": ".", "running": ">", "done": "+", "failed": "x", "cancelled": "-"}


@contextmanager
def watching(events: Subscription, title: str, names: list[str], settle: Callable[[], object]) -> Iterator[None]:
    """Shows on standard error what comes in, as long as the block runs.

    Arguments:
        events: the run's events; closed at the end.
        title: the pipeline's name.
        names: its nodes, in the order to show.
        settle: called at the end, waits until every event has come in.
    """
    progress = Progress.of(names)
    with _tree(title, progress) if terminal.is_terminal(sys.stderr) else _lines(progress) as take:
        reader = threading.Thread(target=_read, args=(events, take), name="orchestrator-view", daemon=True)
        reader.start()
        try:
            yield
        finally:
            settle()
            events.close()
            reader.join(2.0)


def _read(events: Subscription, take: Take) -> None:
    for event in events:
        try:
            take(event)
        except OSError:
            return  # nobody looks at standard error any more


@contextmanager
def _lines(progress: Progress) -> Iterator[Take]:
    def take(event: Event) -> None:
        for line in progress.take(event):
            terminal.say(line)

    yield take


@contextmanager
def _tree(title: str, progress: Progress) -> Iterator[Take]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    marks = _MARKS if (console.encoding or "").startswith("utf") else _ASCII_MARKS
    lock = threading.Lock()

    def show() -> RenderableType:
        with lock:
            return _render(title, list(progress.nodes.values()), marks)

    with Live(get_renderable=show, console=console, refresh_per_second=10) as live:

        def take(event: Event) -> None:
            with lock:
                lines = list(progress.take(event))
            for line in lines if event.kind == "output" else []:
                live.console.print(Text(line, style="yellow"))

        yield take


def _render(title: str, nodes: list[Node], marks: dict[str, str]) -> RenderableType:
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(printable(title), style="bold"), guide_style="dim")
    width = max((len(printable(node.name)) for node in nodes), default=0)
    for node in nodes:
        style = _STYLES[node.state]
        name = printable(node.name).ljust(width)
        tree.add(Text.assemble((marks[node.state], style), " ", name, "  ", (node.text(), style)))
    return tree
