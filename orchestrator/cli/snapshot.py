"""`orchestrator snapshot`: what reverts took away and kept, looked into."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import EXIT_FAILED, EXIT_OK
from orchestrator.cli import _terminal as terminal
from orchestrator.cli._command import define, group
from orchestrator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.snapshots import Entry, Look, Region, Store

_folder = click.option(
    "--folder",
    metavar="FOLDER",
    help="Where the states are; by default $ORCHESTRATOR_SNAPSHOTS, else "
    "orchestrator/snapshots in $XDG_STATE_HOME or ~/.local/state.",
)
_RAW = (
    "this prints the guest's memory as it is: also what an edge redacts, and what a hostile guest put there; "
    "say --raw if that may be shown here"
)


def _store(folder: str | None) -> Store:
    from orchestrator.snapshots import Store

    return Store(folder)


def _look(store: Store, name: str) -> Look:
    from orchestrator.snapshots import look

    entry = store.open(name)
    return look(entry, entry.state.path.parent)


command = group(
    "snapshot",
    "A revert may keep the state that it took away. This lists those states and looks into them.\n\n"
    "ID is the name that `list` tells, or the beginning of it, or the path of a file with a state.",
    epilog="Example: orchestrator snapshot show 20260314-1",
)


# list


@define("list", "States that were kept, the newest first.", parent=command)
@_folder
def list_(folder: str | None, as_json: bool) -> int:
    """Prints a line for each state; fails where a file cannot be read."""
    store = _store(folder)
    if folder is not None and not store.folder.is_dir():
        raise click.UsageError(f"`--folder {printable(folder)}` is no folder")
    entries, problems = store.entries()
    if as_json:
        terminal.put_json({"snapshots": [_summary(entry) for entry in entries], "problems": list(problems)})
    else:
        terminal.put("\n".join([*map(_line, entries), *([] if entries else ["no state is kept"])]))
        for problem in problems:
            terminal.say(f"warning: {printable(problem)}")
    return EXIT_FAILED if problems else EXIT_OK


def _line(entry: Entry) -> str:
    about, paint = entry.about, terminal.paint_for(sys.stdout)
    why = f": {about.reason}" if about.reason else ""
    return f"{paint('name', entry.id)}  {printable(about.node)}  {_pages(entry.state.count)}{printable(why)}"


def _summary(entry: Entry) -> dict[str, Any]:
    state = entry.state
    return {
        "id": entry.id,
        **asdict(entry.about),
        "digest": f"sha256:{state.component}",
        "base": state.base or None,
        "restorable": state.restorable,
        "sizes": list(state.sizes),
        "pages": state.count,
        "bytes": entry.bytes,
        "file": str(state.path),
    }


def _pages(count: int) -> str:
    return f"{count:,} page" if count == 1 else f"{count:,} pages"


# show


@define("show", "What a state is of, and which pages of its memories changed.", parent=command)
@click.argument("id")
@_folder
def show(id: str, folder: str | None, as_json: bool) -> None:
    """Prints all that is known of a state, but nothing that is in it."""
    seen = _look(_store(folder), id)
    if as_json:
        terminal.put_json({**_summary(seen.entry), "regions": [_region(one) for one in seen.regions()]})
    else:
        terminal.put(_page(seen))


def _region(region: Region) -> dict[str, Any]:
    return {"memory": region.memory, "start": region.start, "end": region.end, "pages": region.pages}


def _page(seen: Look) -> str:
    about, state, paint = seen.entry.about, seen.entry.state, terminal.paint_for(sys.stdout)
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(about.time))
    facts = {
        "node": about.node,
        "pipeline": about.pipeline,
        "component": f"{about.component} sha256:{state.component}",
        "reason": about.reason,
        "taken back to": about.snapshot,
        "trace": about.trace,
        "time": f"{moment} UTC",
        "base": state.base or "none: all that is not zero is listed",
        "file": f"{state.path} ({seen.entry.bytes:,} bytes)",
    }
    lines = [paint("name", seen.entry.id)]
    lines += [f"{name:<15}{printable(value)}" for name, value in facts.items() if value]
    lines += ["", paint("name", "calls"), *(f"  {printable(call)}" for call in about.calls or ("none is known",))]
    return "\n".join([*lines, "", *_memories(state.sizes, seen.regions())])


def _memories(sizes: Sequence[int], found: Sequence[Region]) -> list[str]:
    """Each memory with the regions in it."""
    lines: list[str] = []
    paint = terminal.paint_for(sys.stdout)
    for number, size in enumerate(sizes):
        inside = [one for one in found if one.memory == number]
        count = sum(one.pages for one in inside)
        lines.append(f"{paint('name', f'memory {number}')}  {size:,} bytes, {_pages(count)} changed")
        lines += [f"  {one.start:#010x}-{one.end:#010x}  {_pages(one.pages)}" for one in inside]
    return lines


# diff


@define("diff", "Which pages differ between two states.", parent=command)
@click.argument("a")
@click.argument("b")
@_folder
def diff(a: str, b: str, folder: str | None, as_json: bool) -> int:
    """Prints where two states differ; fails, as `diff` does, if they do."""
    from orchestrator.snapshots import differences, regions

    store = _store(folder)
    one, other = _look(store, a), _look(store, b)
    found = regions(differences(one, other))
    sizes = one.entry.state.sizes, other.entry.state.sizes
    if as_json:
        names = {"a": one.entry.id, "b": other.entry.id, "sizes": list(map(list, sizes))}
        terminal.put_json({**names, "regions": [_region(each) for each in found]})
    else:
        terminal.put("\n".join(_differences(sizes, found)))
    return EXIT_FAILED if found or sizes[0] != sizes[1] else EXIT_OK


def _differences(sizes: tuple[Sequence[int], Sequence[int]], found: Sequence[Region]) -> list[str]:
    lines = [
        f"memory {number}: {left:,} and {right:,} bytes"
        for number, (left, right) in enumerate(zip(*sizes, strict=False))
        if left != right
    ]
    if len(sizes[0]) != len(sizes[1]):
        lines.append(f"{len(sizes[0])} and {len(sizes[1])} memories")
    lines += [f"memory {one.memory}: {one.start:#010x}-{one.end:#010x}  {_pages(one.pages)}" for one in found]
    return lines or ["they hold the same"]


# strings


@define("strings", "What can be read in the pages that changed: raw memory, so --raw has to be said.", parent=command)
@click.argument("id")
@click.option("--raw", is_flag=True, help="Show memory as it is; what an edge redacts may be in it.")
@click.option("--least", type=click.IntRange(2, 4096), default=6, show_default=True, help="Characters of a text.")
@click.option("--most", type=click.IntRange(1), default=10_000, show_default=True, help="Texts that are shown.")
@click.option("--all", "everything", is_flag=True, help="Also what stood there before.")
@_folder
def strings(id: str, raw: bool, least: int, most: int, everything: bool, folder: str | None, as_json: bool) -> None:
    """Prints what can be read, with nothing that would steer a terminal."""
    if not raw:
        raise click.UsageError(_RAW, click.get_current_context())
    seen = _look(_store(folder), id)
    found = islice(seen.texts(least, everything=everything), most)
    if as_json:
        terminal.put_json({"id": seen.entry.id, "strings": [asdict(text) for text in found]})
    else:
        for text in found:
            terminal.put(f"{text.memory}:{text.address:#010x}  {text.form:<6}  {printable(text.text)}")


# export


@define("export", "Write a whole state, unredacted, into a file.", parent=command)
@click.argument("id")
@click.option("-o", "--output", required=True, metavar="FILE", help="Written anew, for its owner alone.")
@_folder
def export(id: str, output: str, folder: str | None, as_json: bool) -> None:
    """Writes the file."""
    from orchestrator.engine import saved

    if output == "-":
        raise click.UsageError("a state is written into a file: name one (`./-` for one of that name)")
    entry = _store(folder).open(id)
    saved.copy(entry.state, Path(output), entry.state.path.parent)
    if as_json:
        terminal.put_json({"id": entry.id, "file": output})
    else:
        terminal.put(f"wrote {printable(output)}")


# remove


@define("remove", "Remove states: what a guest was given may be in them.", parent=command)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_folder
def remove(ids: tuple[str, ...], folder: str | None, as_json: bool) -> None:
    """Removes each, and what none of those that are left needs."""
    store = _store(folder)
    gone = [store.remove(id) for id in ids]
    if as_json:
        terminal.put_json({"removed": gone})
    else:
        terminal.put("\n".join(f"removed {id}" for id in gone))
