"""Folders as a way from node to node: what one may write, another may read, and no edge stands between them.

Two folders are taken for one where one lies in the other, links followed, and wherever an input says which folder it
is. Not for what a node may reach: see `capability`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.graph.flow import Passage
from orchestrator.manifest.model import Storage
from orchestrator.manifest.substitution import fill, inputs_of

_ANY = ""
"""The folder that an input names: it may be any."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A folder that a node is granted.

    Arguments:
        vertices: where what the node reads comes to, and what it writes comes from.
        said: what it is called: "`files` (storage, line 12)".
    """

    node: str
    vertices: Sequence[str]
    grant: Storage
    said: str


def shared(granted: Iterable[Granted], folder: Path) -> Iterator[Passage]:
    """The passages from each node that may write to a folder to each that may read there.

    Arguments:
        folder: where relative paths start.
    """
    every = [(each, _place(each.grant.path, folder)) for each in granted]
    written = {place: None for each, place in every if each.grant.access == "write"}
    pairs = list(_pairs(list(written), list(dict.fromkeys(place for _, place in every))))
    sources, targets = {source for source, _ in pairs}, {target for _, target in pairs}
    for each, place in every:
        path = each.grant.path
        if each.grant.access == "write" and place in sources:
            why = f"`{each.node}` may write to `{path}` ({each.said})"
            yield from (Passage(vertex, f"written {place}", why) for vertex in each.vertices)
        if place in targets:
            why = f"`{each.node}` may read it: `{path}` ({each.said})"
            yield from (Passage(f"read {place}", vertex, why) for vertex in each.vertices)
    for source, target in pairs:
        why = "an input says which folder it is, and it may be the same one" if _ANY in (source, target) else ""
        yield Passage(f"written {source}", f"read {target}", why)


def places(granted: Iterable[Granted], folder: Path) -> dict[str, frozenset[str]]:
    """By node, the folders that it is granted, links followed; without the nodes of which an input says one."""
    found: dict[str, set[str]] = {}
    for each in granted:
        found.setdefault(each.node, set()).add(_place(each.grant.path, folder))
    return {node: frozenset(its) for node, its in found.items() if _ANY not in its}


def _place(path: str, folder: Path) -> str:
    if inputs_of(path):
        return _ANY
    try:
        return os.path.realpath(folder / fill(path, {}))
    except (OSError, ValueError):
        return _ANY  # It cannot be opened either, and is refused for that.


def _pairs(written: Sequence[str], read: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The folders, one written and one read, that are one or lie in one another; each pair once."""
    writes, reads = dict.fromkeys(written), dict.fromkeys(read)
    found = dict.fromkeys((place, other) for place in writes for other in _around(place, reads))
    found |= dict.fromkeys((other, place) for place in reads for other in _around(place, writes))
    yield from found


def _around(place: str, among: Mapping[str, None]) -> Iterator[str]:
    """Those that are this folder, hold it, or may be any; all of them where this one may be any."""
    if place == _ANY:
        yield from among
        return
    if _ANY in among:
        yield _ANY
    here = Path(place)
    yield from (str(each) for each in (here, *here.parents) if str(each) in among)
