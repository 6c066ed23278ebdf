"""What an error of the C API means: a limit, an exit, a trap; with the guest's own words or backtrace as causes."""

from __future__ import annotations

from orchestrator.engine._last_words import Reason
from orchestrator.engine._native import take_message
from orchestrator.errors import LimitExceeded, RunError, Trapped
from orchestrator.wording import counted

_LIMITS = {
    "call stack exhausted": ("stack", "the guest's calls nest too deep: its stack is used up"),
    "fuel allocated for hostcalls": (
        "values",
        "the values of one call are too large to cross one by one; "
        "have them cross in bulk (`bulk: auto` on the node), or pass them in parts",
    ),
    "resource limit exceeded": ("memory", "the component needs more than its limits allow"),
    "memory minimum size": ("memory", "the component's memory is larger than its limit from the start"),
    "the system has no memory": ("memory", "the system has no room for another memory"),
    "store handle limit": ("handles", "the guest holds more handles than any may, 100000: it has to drop some"),
    "forcing trap when growing": ("memory", "the guest asked for more memory than its limit"),
}
"""By what wasmtime says: which limit was met, and what is said of it."""
_NO_FUEL = "all fuel consumed"
_FRAMES = 12


def exited(code: int, refused: str = "") -> RunError:
    """The exception for a guest that ended itself; arguments as for `failure`."""
    ended = f"the guest ended itself with exit code {code}"
    return LimitExceeded(refused, limit="memory", causes=(ended,)) if refused else Trapped(ended)


def failure(error: int, said: Reason | None = None, refused: str = "", fuel: int | None = None) -> RunError:
    """The exception for a C error, which is freed.

    Arguments:
        said: why the guest ended itself, if it said so.
        refused: what the guest was not given of memory before; it is taken to be why it ended.
        fuel: how much it had in all.
    """
    text = take_message(error)
    head, causes = _parts(text)
    reason = causes[-1] if causes else head
    if _NO_FUEL in reason:
        return LimitExceeded(_spent(fuel), limit="fuel", causes=_backtrace(head))
    for mark, (limit, meaning) in _LIMITS.items():
        if any(mark in cause for cause in causes or (head,)):
            return LimitExceeded(meaning, limit=limit, causes=(causes or (head,)))
    if refused:
        ended = said.text if said is not None else reason.removeprefix("wasm trap: ")
        where = said.frames if said else _backtrace(head)
        return LimitExceeded(refused, limit="memory", causes=(f"it ended with: {ended}", *where))
    if said is not None and "unreachable" in reason:
        return Trapped(f"the guest trapped: {said.text}", causes=said.frames or _backtrace(head))
    return Trapped(f"the guest trapped: {reason.removeprefix('wasm trap: ')}", causes=_backtrace(head) + causes[:-1])


def _spent(fuel: int | None) -> str:
    """What is said of a guest that used its fuel up."""
    return (
        f"the guest used up its fuel, {counted(fuel or 0, 'unit')}: give it more `fuel`, "
        "or have it compute less in one run"
    )


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    """The text before "Caused by:" and the causes after it, unnumbered.

    The last such words count: before them stand names that the guest gave its functions.
    """
    head, _, tail = text.rpartition("Caused by:") if "Caused by:" in text else (text, "", "")
    lines = (line.strip() for line in tail.splitlines())
    return head.strip(), tuple(_unnumbered(line) for line in lines if line)


def _unnumbered(line: str) -> str:
    number, colon, rest = line.partition(": ")
    return rest if colon and number.isdigit() else line


def _backtrace(head: str) -> tuple[str, ...]:
    frames = [line.split(" - ", 1)[1] for line in head.splitlines() if " - " in line and line.strip()[:1].isdigit()]
    more = len(frames) - _FRAMES
    return tuple(f"in {frame}" for frame in frames[:_FRAMES]) + ((f"in {more} more",) if more > 0 else ())
