"""What the host serves a guest, as who serves it writes it: functions of Python over resources of Python.

A served function is called on the guest's thread with the `Host` of the calling instance and the values of its
parameters in their Python forms; a resource is a `HostResource`. It returns the value of its result. A result with an
error case is returned as what stands in its `ok`, and `Refused` is raised for the other. Whatever else it raises ends
the guest. Not for edges between components: a guest's own resources cross those as `Handle`s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from orchestrator.engine.frame import Frame
    from orchestrator.engine.instance import Instance

Served = Callable[..., Any]
"""(the host's side of the calling instance, the values of the parameters) -> the value of the result."""


class Host(Protocol):
    """The host's side of one instance: what it may reach, and what it has open."""

    def attach(self, instance: Instance) -> None:
        """The instance is being made; called once, before its guest's first instruction."""

    def close(self) -> None:
        """The instance has ended, and its resources were dropped; called once."""

    def state(self) -> Any:
        """What its guest could tell two times apart by, besides the resources that it holds: plain data, as in JSON.

        Raises:
            CannotKeep: there is something that nobody can bring back.
        """

    def restore(self, state: Any) -> None:
        """All is as it was when `state` gave this; what went on since by itself has ended.

        It may come out of a file that anybody wrote, with lists in place of tuples.

        Raises:
            CannotKeep: it is none that `state` could give.
        """


class CannotKeep(Exception):
    """Something is in a state that nobody can bring back later; the text says what."""


class HostResource:
    """What the host made and a guest knows by a handle. A subclass says what becomes of it when the handle is gone."""

    __slots__ = ()

    def drop(self, frame: Frame | None = None) -> None:
        """The guest dropped its handle, or its instance ended; called once.

        Arguments:
            frame: the stay in which that happened; None after the last one.
        """

    def state(self) -> Any:
        """What its guest could tell two times apart by.

        Raises:
            CannotKeep: nobody can bring that back, or it is not known.
        """
        raise CannotKeep(f"the guest holds a {type(self).__name__.strip('_').lower()}")

    def restore(self, state: Any) -> None:
        """It is as it was when `state` gave this."""


class Guarded:
    """A served function of which some other exceptions are errors of its result, too.

    Arguments:
        function: what is served.
        meaning: what an exception stands for; None for one that ends the guest.
    """

    __slots__ = ("function", "meaning")

    def __init__(self, function: Served, meaning: Callable[[Exception], Refused | None]) -> None:
        self.function, self.meaning = function, meaning

    def __call__(self, *values: Any) -> Any:
        """Calls it."""
        try:
            return self.function(*values)
        except Exception as problem:
            raise self.refused(problem) from None

    def refused(self, problem: Exception) -> Refused:
        """The refusal that an exception is; raises one that is none."""
        found = problem if isinstance(problem, Refused) else self.meaning(problem)
        if found is None:
            raise problem
        return found


class Refused(Exception):
    """The error case of a served function's result.

    Arguments:
        error: the value of the case, in its Python form.
    """

    def __init__(self, error: Any = None) -> None:
        self.error = error
