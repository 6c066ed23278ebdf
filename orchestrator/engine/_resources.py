"""Resources outside the component that made them: a handle each, and for each store the handles its guest was given.

A guest that imports a resource knows it by a number, which stands for a `Handle` in its store's table, or for what the
host made. A handle knows its owner, the instance whose resource it is, and drops it there. So a resource crosses any
number of edges without any store meeting a pointer of another.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, cast

from orchestrator.engine import _native as c
from orchestrator.engine.host import CannotKeep, HostResource
from orchestrator.errors import LimitExceeded, ValueMismatch
from orchestrator.interface.allowance import Allowance, Check

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.engine.instance import Instance
    from orchestrator.interface.types import Resource


class Handle:
    """A resource of a component, as Python and other components hold it: opaque.

    Dropped with `drop()`, with its instance, or some time after nobody holds it any more.
    """

    __slots__ = ("_any", "owner", "resource")

    def __init__(self, owner: Instance, resource: Resource, any_: int) -> None:
        self.owner, self.resource, self._any = owner, resource, any_

    def __repr__(self) -> str:
        state = "" if self.alive else ", gone"
        return f"<handle of {self.resource.name}{state}>"

    @property
    def alive(self) -> bool:
        """Whether the resource is still there: neither given away, nor dropped, nor its instance closed."""
        return bool(self._any) and not self.owner.closed

    def lend(self) -> int:
        """The address of a copy of the pointer to the resource, for one call."""
        return int(c.resource_clone(self._any))

    def give(self) -> int:
        """The address of the pointer itself; the handle is gone after it."""
        any_, self._any = self._any, 0
        return any_

    def drop(self, frame: Frame | None = None) -> None:
        """Drops the resource in its own instance: at once, or when that is left. Harmless when it is gone.

        Arguments:
            frame: the stay that this belongs to, if it does to one.
        """
        any_ = self.give()
        if any_:
            self.owner.drop(any_, frame)

    def state(self) -> Any:
        """See `HostResource.state`: what another component's resource is like, nobody knows."""
        raise CannotKeep(f"the guest holds a {self.resource.name} of another component")

    def restore(self, state: Any) -> None:
        """See `HostResource.restore`; there is no state of it."""

    def __del__(self) -> None:
        """Runs wherever Python collects it, so the guest's destructor has to wait."""
        if self._any:
            self.owner.abandon(self.give())


class _Ordered(dict[int, Any]):
    """A table of handles that knows the order of those that are held.

    `moves` counts what came and went; `lent_at` is what it was when something was lent the last time.
    """

    __slots__ = ("lent_at", "mixed", "moves", "order")

    def __init__(self) -> None:
        super().__init__()
        self.order: list[int] = []
        self.mixed = False
        self.moves = self.lent_at = 0

    def __setitem__(self, number: int, handle: Handle | HostResource) -> None:
        self.moves += 1
        self.order.append(number)
        super().__setitem__(number, handle)

    def pop(self, number: int, *otherwise: Any) -> Any:
        """Takes one out."""
        self.moves += 1
        if number in self:
            if self.order and self.order[-1] == number:
                self.order.pop()
            else:
                self.mixed = True
        return super().pop(number, *otherwise)

    def end_of_loan(self, count: int) -> None:
        """So many were lent for a call, and are about to be forgotten.

        When the guest gave them back it tells nobody. If nothing else came or went meanwhile, and there is one, that
        does not matter.
        """
        self.mixed = self.mixed or count > 1 or self.moves != self.lent_at


class _NoHandles:
    """Stands for the handles of values that have none: the engine bounds how many of those it carries by itself."""

    __slots__ = ("allowed",)

    def __init__(self, check: Check) -> None:
        self.allowed = Allowance(check=check)


def without_handles(check: Check) -> Handles:
    """What lifts values that have no handles; the check is asked now and then whether to go on."""
    return cast("Handles", _NoHandles(check))


class Handles:
    """The handles that one store's guest holds of other components' resources.

    Arguments:
        instance: the store's.
        numbers: the number under which the store's linker defined each imported resource.
    """

    __slots__ = ("_at", "_cell", "_instance", "_last", "_lent", "_numbers", "allowed", "table")

    def __init__(self, instance: Instance, numbers: dict[Resource, int]) -> None:
        self._instance, self._numbers = instance, numbers
        self.allowed = Allowance(instance.settings.objects, instance.check)
        """What the values of a call of its guest's may become."""
        self.table: dict[int, Handle | HostResource] = {}
        """What they stand for, by the guest's numbers."""
        if instance.linker.component.variant.kept:
            self.table = _Ordered()
        self._lent: list[int] = []
        self._last = 0
        self._cell = ctypes.c_void_p()
        self._at = ctypes.addressof(self._cell)
        """Where the C API puts a pointer that it gives; an instance calls it on one thread at a time."""

    def __len__(self) -> int:
        return len(self.table)

    def lift(self, any_: int, resource: Resource, owned: bool) -> Handle | HostResource:
        """The handle behind a resource that leaves the store; one that is owned leaves the table too."""
        if not resource.imported:
            return Handle(self._instance, resource, int(c.resource_clone(any_)))
        error = c.any_to_host(self._instance.context_argument, any_, self._at)
        if error:
            raise ValueMismatch("", f"a {resource.name} of this run", c.take_message(error))
        host = self._cell.value
        number = c.host_resource_number(host)
        c.host_resource_delete(host)
        return self.table.pop(number) if owned else self.table[number]

    def lower(self, handle: object, resource: Resource, owned: bool) -> int:
        """The address of the pointer by which the store knows the handle's resource."""
        if isinstance(handle, HostResource):
            return self._known(self.keep(resource.name, handle), resource, owned)
        if not isinstance(handle, Handle) or not handle.alive:
            raise ValueMismatch("", f"a live handle of {resource.name}", repr(handle))
        if not resource.imported:
            return self._own(handle, resource, owned)
        moved = Handle(handle.owner, handle.resource, handle.give()) if owned else handle
        number = self.keep(resource.name, moved)
        if not owned:
            self._lent.append(number)
            if isinstance(self.table, _Ordered):
                self.table.lent_at = self.table.moves
        return self._known(number, resource, owned)

    def _known(self, number: int, resource: Resource, owned: bool) -> int:
        """The address of the pointer by which the store knows what has that number."""
        host = c.host_resource_new(owned, number, self._numbers[resource])
        error = c.host_to_any(self._instance.context_argument, host, self._at)
        c.host_resource_delete(host)
        if error:
            raise ValueMismatch("", f"a {resource.name}", c.take_message(error))
        return self._cell.value or 0

    def _own(self, handle: Handle, resource: Resource, owned: bool) -> int:
        if handle.owner is not self._instance or handle.resource != resource:
            raise ValueMismatch("", f"a {resource.name} of the component that is called", repr(handle))
        return handle.give() if owned else handle.lend()

    def keep(self, name: str, handle: Handle | HostResource) -> int:
        """The number by which the guest knows something from now on, until it drops it.

        Arguments:
            name: of the resource, for the error.

        Raises:
            LimitExceeded: it holds too many handles.
        """
        table, most = self.table, self._instance.settings.handles
        if len(table) >= most:
            raise LimitExceeded(
                f"a guest may hold {most} handles at a time, and wants one more of {name}: it has to drop some",
                limit="handles",
            )
        number = self._last % 0xFFFF_FFFE + 1
        while number in table:
            number = number % 0xFFFF_FFFE + 1
        table[number] = handle
        self._last = number
        return number

    def held(self) -> tuple[int, ...]:
        """What the guest holds, in the order in which it got it, if its own table tells nothing but that.

        wasmtime gives a guest the number that it had last given back. So where handles are given back in the order
        opposite to that in which they came, the numbers that come next are those that came next before.

        Raises:
            CannotKeep: they were given back in another order.
        """
        table = self.table
        if not isinstance(table, _Ordered) or table.mixed:
            raise CannotKeep("the guest gave handles back in another order than the opposite of how it got them")
        return tuple(table.order)

    def end_of_call(self) -> None:
        """Forgets what was lent for the call that ended."""
        if self._lent and isinstance(self.table, _Ordered):
            self.table.end_of_loan(len(self._lent))
        for number in self._lent:
            self.table.pop(number, None)
        self._lent.clear()

    def dropped(self, number: int) -> None:
        """The guest dropped a handle: a lent one is only forgotten, an owned one dropped where it lives."""
        handle = self.table.pop(number, None)
        if handle is not None and number not in self._lent:
            handle.drop(self._instance.frame)

    def close(self) -> None:
        """Drops everything the guest still holds: closing its store runs no destructors."""
        handles, self.table = self.table, {}
        for number, handle in handles.items():
            if number not in self._lent:
                handle.drop()
