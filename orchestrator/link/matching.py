"""Which import of the caller a call edge means, and which export of the callee answers it.

The names are those of interfaces, with a version that fits, or of ports. An import with a name of its own (`fast-chat`)
that is written as a port may be answered by an export of another name whose structure fits.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.interface import explain_function, explain_interface, fits
from orchestrator.interface.types import Function, Interface
from orchestrator.link.draft import Item
from orchestrator.link.items import is_plain, item_name, select
from orchestrator.manifest.model import CallEdge


@dataclass(frozen=True, slots=True)
class Ports:
    """What an edge says of its two ends: names of an import and of an export, empty where it leaves them open."""

    wanted: str
    offered: str


def ports_of(edge: CallEdge) -> Ports | None:
    """The ends of an edge with `interface:` put where it belongs; None where it contradicts the ports."""
    wanted, offered = edge.caller.name, edge.callee.name
    if not edge.interface:
        return Ports(wanted, offered)
    if (wanted and offered) or ":" in wanted or ":" in offered:
        return None
    return Ports(wanted, edge.interface) if wanted else Ports(edge.interface, offered)


def pairs(wanted: list[Item], offered: list[Item], ports: Ports) -> list[tuple[Item, Item]]:
    """Every import with every export that may be meant to answer it."""
    both = [(i, x) for i in wanted for x in offered if isinstance(i, Interface) == isinstance(x, Interface)]
    if ports.wanted and ports.offered:
        return _exact_first([(i, x) for i, x in both if not wrong_version(i, x)])
    natural = [(i, x) for i, x in both if _same_name(i, x)]
    if natural or not (ports.wanted or ports.offered):
        return _exact_first(natural)
    free = [(i, x) for i, x in both if is_plain(i) or is_plain(x)]
    meant = ports.offered or all(is_plain(i) for i, _ in free)
    return free if len(free) == 1 and meant else [(i, x) for i, x in free if structure_fits(i, x)]


def _same_name(wanted: Item, offered: Item) -> bool:
    if isinstance(wanted, Interface) and isinstance(offered, Interface):
        return fits(wanted.name, offered.name)
    return wanted.name == offered.name


def wrong_version(wanted: Item, offered: Item) -> bool:
    """Whether only the version keeps an export from answering an import."""
    if not (isinstance(wanted, Interface) and isinstance(offered, Interface)):
        return False
    return wanted.name.base == offered.name.base and not fits(wanted.name, offered.name)


def structure_fits(wanted: Item, offered: Item) -> bool:
    """Whether an export answers an import whatever their names."""
    return not explain(wanted, offered, "", "")


def explain(wanted: Item, offered: Item, caller: str, callee: str) -> tuple[str, ...]:
    """Why an export does not answer an import, outermost cause first; empty when it does."""
    match wanted, offered:
        case Interface(), Interface():
            return explain_interface(wanted, offered, caller, callee)
        case Function(), Function():
            return explain_function(wanted, offered, caller, callee)
        case _:
            return ("one is a function, the other an interface",)


def _exact_first(found: list[tuple[Item, Item]]) -> list[tuple[Item, Item]]:
    """Of several exports that answer one import, the one of its very version where there is one."""
    exact = {item_name(i) for i, x in found if item_name(i) == item_name(x)}
    return [(i, x) for i, x in found if item_name(i) not in exact or item_name(i) == item_name(x)]


def named(items: tuple[Item, ...], text: str) -> list[Item]:
    """The imports or exports that a port's text names; all of them where it names none."""
    return select(items, text) if text else list(items)
