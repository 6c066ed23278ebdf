"""States of instances, to which they, or other instances of the same component, are taken back.

Between two calls the state of a guest is in its memories, and in those globals that its keeper saves in its own (see
`_keep`, and `Component.way` for which components that is so); in the order of the handles that it holds; and in what
the host knows of it. `take` keeps all of these, `put` brings all of them back. What cannot be brought back for certain
is refused by `CannotKeep`: then only a fresh instance is clean.

The first state of an instance goes into a file that its memories are mapped from (see `_base`). A further one keeps
only the pages that are not as in that file. On a fresh instance a state is put by mapping the file. Not for when that
is done: the runtime decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from mmap import PAGESIZE
from typing import TYPE_CHECKING, Any

from orchestrator.engine import _native as c
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.engine._keep import BACK, KEEP, LOOK
from orchestrator.engine._resources import Handle
from orchestrator.engine.component import Variant
from orchestrator.engine.host import CannotKeep, HostResource
from orchestrator.engine.instance import Instance
from orchestrator.errors import ClosedError, LimitExceeded

if HOST_MEMORY:  # elsewhere `take` and `put` refuse everything before they need these, which cannot be imported there
    from orchestrator.engine import _posix
    from orchestrator.engine._base import Base
    from orchestrator.engine._memories import Refused

if TYPE_CHECKING:
    from orchestrator.engine._base import Changes
    from orchestrator.engine._memories import Memory


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What the memories of an instance held: to be looked at, and nothing that one can be taken back to.

    Arguments:
        digest, variant: of the component, and of how its machine code was made: it fits no other.
        base: the file that memories are mapped from.
        sizes: bytes of each memory.
        pages: of each memory those that are not as in the file.
    """

    digest: str
    variant: Variant
    base: Base
    sizes: tuple[int, ...]
    pages: tuple[Changes, ...]

    @property
    def kept(self) -> int:
        """Bytes of the pages that it keeps beside the file."""
        return sum(map(len, self.pages)) * PAGESIZE

    def page(self, memory: int, number: int) -> bytes:
        """What a page of a memory held."""
        found = self.pages[memory].get(number)
        if found is not None:
            return found
        at = number * PAGESIZE
        return bytes(self.base.content(memory)[at : at + PAGESIZE]).ljust(PAGESIZE, b"\0")


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot(Contents):
    """A state of an instance.

    Arguments:
        handles: what the guest held, by number, each with its state.
        host: the state of the host's side.
    """

    handles: Mapping[int, tuple[Handle | HostResource, Any]]
    host: Any

    @property
    def portable(self) -> bool:
        """Whether it can be put on another instance: one in which the guest held nothing of others."""
        return not self.handles


def tells_changes() -> bool:
    """Whether the system tells which pages a guest wrote to; where it does not, `put` goes through whole memories."""
    return HOST_MEMORY and _posix.tells_changes()


def can_keep(instance: Instance) -> bool:
    """Whether states of an instance can be kept at all."""
    return instance.linker.component.variant.kept


def take(instance: Instance, before: Snapshot | None = None) -> Snapshot:
    """The present state of an entered instance, in which no call is going on.

    Arguments:
        before: an earlier state of the same instance: what did not change since is shared with it.

    Raises:
        CannotKeep: there is something in it that nobody could bring back.
        ClosedError: the instance has ended.
        OSError: the system has no room for it.
    """
    _refuse(instance)
    held = {number: instance.handles.table[number] for number in instance.handles.held()}
    handles = {number: (resource, resource.state()) for number, resource in held.items()}
    host = None if instance.host is None else instance.host.state()
    _call(instance, KEEP)
    memories = _memories(instance)
    if instance.base is None:
        base = Base([memory.view() for memory in memories])
        base.give(memories)
        instance.base = base
    pages = _all_changed(instance.base, memories, before)
    component = instance.linker.component
    sizes = tuple(memory.size for memory in memories)
    return Snapshot(component.digest, component.variant, instance.base, sizes, pages, handles, host)


def capture(instance: Instance) -> Contents:
    """What the memories of an instance hold, whatever it is, and even where it ended; nothing of it changes.

    This thread has entered it, or nobody has: who closes it meanwhile does so when this is done.

    Raises:
        ClosedError: it was closed, another thread is in it, or the engine does not own its memories.
        OSError: the system has no room.
    """
    if instance.turn.mine():
        return _captured(instance)
    if not instance.turn.try_acquire():
        raise ClosedError("the instance cannot be looked at while another thread is in it")
    try:
        return _captured(instance)
    finally:
        instance.turn.release()
        instance.after_release()


def _captured(instance: Instance) -> Contents:
    if instance.bank is None or instance.closed:
        raise ClosedError("the instance has no memory any more that could be looked at")
    memories, component = _memories(instance), instance.linker.component
    base = instance.base or Base([memoryview(b"")] * len(memories))
    sizes = tuple(memory.size for memory in memories)
    return Contents(component.digest, component.variant, base, sizes, _all_changed(base, memories, None))


def _all_changed(base: Base, memories: Sequence[Memory], before: Contents | None) -> tuple[Changes, ...]:
    return tuple(
        _changed(base, number, memory, None if before is None else before.pages[number])
        for number, memory in enumerate(memories)
    )


def _changed(base: Base, number: int, memory: Memory, before: Changes | None) -> Changes:
    """The pages that are not as in the file; those that are as in an earlier state are that state's."""
    view, clean, found = memory.view(), base.content(number), dict[int, bytes]()
    for start, end in base.changes(number, memory):
        for at in range(start, end, PAGESIZE):
            data = bytes(view[at : at + PAGESIZE])
            if data == (clean[at : at + PAGESIZE] or _ZERO):
                continue
            page = at // PAGESIZE
            known = None if before is None else before.get(page)
            found[page] = known if known == data and known is not None else data
    return found


_ZERO = bytes(PAGESIZE)


def put(instance: Instance, snapshot: Snapshot) -> int:
    """Takes an entered instance, in which no call is going on, back to a state, or brings a fresh one to it.

    Returns:
        How many pages of its memories had changed since the file was made, or were given to it now.

    Raises:
        CannotKeep: nobody can say for certain that it would be in that state. It is as it was, or has ended where the
            host's side was in the way; it is to be closed.
        ClosedError: it had ended before.
        LimitExceeded: its memories may not be as large as they were; the instance has ended.
        OSError: the system has no room; the instance has ended.
    """
    _refuse(instance)
    _refuse_other(instance, snapshot)
    try:
        count = _filled(instance, snapshot)
        _call(instance, BACK)
        for resource, state in snapshot.handles.values():
            resource.restore(state)
        if instance.host is not None:
            instance.host.restore(snapshot.host)
    except Refused as problem:
        instance.end(problem)
        raise LimitExceeded(f"the state does not fit the instance: {problem}", limit="memory") from None
    except BaseException as problem:
        instance.end(problem)
        raise
    instance.forget_words()
    return count


def _refuse_other(instance: Instance, snapshot: Snapshot) -> None:
    """Refuses a state that the instance was never in and cannot get into."""
    component = instance.linker.component
    if component.digest != snapshot.digest or component.variant != snapshot.variant:
        raise CannotKeep("the state is another component's")
    memories = _memories(instance)
    least = [memory.shape[0] for memory in memories]
    if len(least) != len(snapshot.sizes) or any(map(int.__gt__, least, snapshot.sizes)):
        raise CannotKeep("the state has not the memories of the instance")
    handles, table = snapshot.handles, instance.handles.table
    same = instance.handles.held() == tuple(handles)
    if not same or (handles and any(table[number] is not resource for number, (resource, _) in handles.items())):
        raise CannotKeep("the guest does not hold what it held then")


def _filled(instance: Instance, snapshot: Snapshot) -> int:
    """Has the memories hold what they held."""
    base, count, mapped = snapshot.base, 0, instance.base is snapshot.base
    memories = _memories(instance)
    other = [(memory, size) for memory, size in zip(memories, snapshot.sizes, strict=True) if memory.size != size]
    other.sort(key=lambda one: one[1] - one[0].size)
    for memory, size in other:  # those first that give back room, which others may need
        memory.resize(size)
    if other:
        _call(instance, LOOK)
    if not mapped:
        base.give(memories)
        instance.base = base
    had = _posix.faults()
    for number, memory in enumerate(memories):
        count += base.clean(number, memory, had) if mapped else 0
        _write(memory, snapshot.pages[number])
        count += len(snapshot.pages[number])
    return count


def _write(memory: Memory, pages: Changes) -> None:
    if pages:
        view = memory.view()
        for page, data in pages.items():
            view[page * PAGESIZE : (page + 1) * PAGESIZE] = data


def _memories(instance: Instance) -> Sequence[Memory]:
    assert instance.bank is not None
    return instance.bank.own


def _refuse(instance: Instance) -> None:
    """Refuses an instance of which no state can be kept now."""
    instance.rest()
    if not can_keep(instance):
        reason = instance.linker.component.way.reason or "it was linked without `kept`"
        raise CannotKeep(f"{instance.linker.component.name}: {reason}")
    if instance.owed is not None:
        raise CannotKeep("the guest took no room for what it read")


def _call(instance: Instance, name: str) -> None:
    """Calls a function of the keeper, at nobody's expense; where there are no globals, only what looks at the sizes."""
    component = instance.linker.component
    if not component.keeper or (name != LOOK and component.way.name == "proven"):
        return
    call = c.call, instance.function(None, name), instance.context, None, 0, None, 0
    if instance.settings.fuel is None:
        instance.run(*call)
        return
    with instance.at_nobodys_expense():
        instance.run(*call)
