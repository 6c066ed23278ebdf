"""A live component: its own store, memory, limits and WASI state, entered by one thread at a time.

Whoever calls an instance enters it first with a `Frame` and leaves it after (`with instance.entered(frame):`). Entering
waits for the turn, in the order of arrival. Nothing here knows of nodes, edges or runs: the frame's owner does.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.engine import _native as c
from orchestrator.engine._arena import Arena, bound
from orchestrator.engine._calls import Call, Exported, by_value, exported
from orchestrator.engine._chosen import EXPORTS, function_key
from orchestrator.engine._config import HOST_MEMORY
from orchestrator.engine._failure import exited, failure
from orchestrator.engine._last_words import LastWords, Reason
from orchestrator.engine._live import LIVE, problem_of, watch
from orchestrator.engine._memory import QUADS
from orchestrator.engine._resources import Handles
from orchestrator.engine._tables import each_table
from orchestrator.engine.carried import python_of
from orchestrator.engine.frame import Frame
from orchestrator.engine.host import Refused
from orchestrator.engine.turn import Turn
from orchestrator.errors import ClosedError, ComponentError, LimitExceeded, RunError, Trapped
from orchestrator.interface.convert import check
from orchestrator.interface.plain import plain

if HOST_MEMORY:
    from orchestrator.engine._memories import Bank

if TYPE_CHECKING:
    from orchestrator.engine._base import Base
    from orchestrator.engine.linker import Linker
    from orchestrator.engine.purse import Purse
    from orchestrator.engine.settings import InstanceSettings
    from orchestrator.engine.snapshot import Snapshot
    from orchestrator.interface.types import Function, Name

_Pair, _Place = ctypes.c_uint64 * 2, ctypes.c_uint64 * 4
"""A `wasmtime_component_instance_t`, and a `wasmtime_component_func_t` with room to spare."""
_OVER = "the instance answers no further call: "
_CONFUSED = "the guest read or wrote while it was taking room for what it read"
_ENDLESS = (1 << 64) - 1
"""Fuel that nothing uses up."""
_NO_END = (1 << 63) - 1
"""The largest number of elements that a store can be told."""
_DESTRUCTOR = 1.0
"""Seconds that the destructor of a resource may take when nothing else limits it."""


class Instance:
    """A live component. Made by `Linker.instantiate`; closed by whoever made it."""

    def __init__(self, linker: Linker, settings: InstanceSettings) -> None:
        self.linker, self.settings = linker, settings
        self._ticker = linker.engine.ticker
        self.frame: Frame | None = None
        self.pending: BaseException | None = None
        self.ended = ""
        """Why the instance answers no further call; empty while it does."""
        self.gone = False
        """Whether it answers no further call: it trapped, or was closed."""
        self.closed = self.closing = self._calling = False
        """`closing`: it is closed as soon as it is left."""
        self.turn = Turn()
        self.take, self.give_back = self.turn.take, self.turn.give_back
        self.handles = Handles(self, linker.resources)
        self.allowed = self.handles.allowed
        """What the values of a call of its guest's may become."""
        self.functions: dict[str, Any] = {}
        """The addresses of exported functions that were looked up, by `function_key`, as the C API takes them."""
        self._found: list[Any] = []
        self.calls: dict[str, Call] = {}
        """What calls its exported functions, by `function_key`; made when they are first called."""
        self.heir: Callable[[Instance, Frame | None], None] | None = None
        """Takes it when it is dismissed, in place of its end."""
        self.left: Callable[[], None] | None = None
        """Called, if it is set, each time the instance is about to be left."""
        self.ending: Callable[[Instance, BaseException], None] | None = None
        """Called, if it is set, when the instance ends in a stay, by whatever ended it: its memory is still there."""
        self.drops: list[int] = []
        """Resources to drop when the instance is left."""
        self._store = c.store_new(linker.code.engine, None, None)
        self.context: int = c.store_context(self._store)
        self.context_argument = ctypes.c_void_p(self.context)
        """The same as the C API takes it: it need not be made of a number at each call."""
        self._native = _Pair()
        self.host = settings.host
        self.host_left: float = 0 if settings.ahead else settings.most_calls
        """Calls of what the host serves that are left to it, until its purse is asked."""
        self.host_lent = self.host_left
        """What of them it had when its purse was paid the last time."""
        self.owed: Any = None
        """What a lane of the guest has to give, as long as that is not done: see `_serve_lane`. It ends with a stay."""
        self.purse: Purse | None = None
        """What pays for its fuel and its calls of the host."""
        self.lease: Purse | None = None
        """The same, where that has to be told when the instance is left."""
        self.paid = 0
        """The fuel that was paid for, of all that it used."""
        self._given = self._used = self._told = 0
        """The fuel that it was given last, what it had used before, and how much of all was told of."""
        self.bank: Bank | None = None
        """Its memories, where this engine owns them."""
        self.base: Base | None = None
        """What its memories are mapped from since it was first kept or taken back: see `snapshot`."""
        self.ready_state: Snapshot | None = None
        """The state in which it is ready to serve, where that is kept."""
        self._arena: Arena | None = None
        self.swollen = False
        """Whether there is something to be done about its memory when it is left: values that its guest passed have
        filled more of its shim's than stays, or it was not given what it asked for."""
        self._words = LastWords(settings.output or _unheard)
        self.unfinished = self._words.unfinished

    def start(self, frame: Frame, linker: int) -> None:
        """Instantiates the component in the store; called once, by the linker.

        Raises:
            LimitExceeded: its memories or tables are larger than its limit at the start.
            Trapped: its start function trapped.
            TimedOut, Cancelled: the frame's deadline passed or its run was stopped.
        """
        self._limit()
        self._fill(frame)
        if self.host is not None:
            self.host.attach(self)
        LIVE[self.context] = self
        watch(self._store, self.context)
        arguments = (linker, self.context, self.linker.code.address, ctypes.addressof(self._native))
        self.enter(frame)
        try:
            if self.bank is None:
                self.run(c.instantiate, *arguments)
            else:
                with self.bank:
                    self.run(c.instantiate, *arguments)
        finally:
            self.leave()
        if self.settings.ahead:
            self.host_left = self.host_lent = self.settings.most_calls

    @property
    def arena(self) -> Arena:
        """The memory of its shim, which it must have: the first that its instantiation makes with a page or more."""
        if self._arena is None:
            assert self.bank is not None
            memory = self.bank.begun[0]
            self._arena = Arena(memory.base, memory.size, bound(self.settings.memory))
        return self._arena

    @property
    def held(self) -> int:
        """Bytes that its linear memories take at most; its limit where this engine does not own them."""
        return self.settings.memory - (self.bank.left if self.bank is not None else 0)

    def count(self, memory: int, offset: int) -> int:
        """The number of 64 bits at an offset of one of its memories.

        Arguments:
            memory: by its number among those of the component, without a shim's, that begin with a page or more.
        """
        if self.bank is None or not self.bank.begun:
            return 0
        found = self.bank.begun[memory + (self.linker.code.shim is not None)]
        return QUADS[found.base + offset >> 3] if found.base else 0

    def _limit(self) -> None:
        """Has the store keep to its limits.

        A store's limiter holds for each memory and table by itself. Where this engine owns the memories, the bank holds
        their total, and a store without tables needs no limiter; elsewhere the total is divided among the memories that
        the component can make. That of tables is divided by how large they can get (see `_tables`).
        """
        limits, component = self.settings, self.linker.component
        code = component.parts
        shim = False
        if HOST_MEMORY:
            shim = self.linker.code.shim is not None
            self.bank = Bank(limits.memory + component.keeper, self.linker.code.images, shim)
            self.bank.context = self.context
            if not code.tables:
                return
        memories, tables = (code.memories or 1) + shim + bool(component.keeper), code.tables or 1
        each = -1 if HOST_MEMORY else limits.memory // memories
        most = each_table(component.tables, limits.table_elements)
        c.store_limiter(self._store, each, min(most, _NO_END), -1, tables, memories)

    # Fuel

    @property
    def fuel(self) -> int | None:
        """What is left to it of its fuel; None where nothing bounds that. It must be entered, or not yet started."""
        if self.settings.fuel is None:
            return None
        left = ctypes.c_uint64()
        _unfailing(c.context_get_fuel(self.context, ctypes.addressof(left)))
        return left.value

    def refuel(self, amount: int) -> None:
        """Gives it that much fuel from now on, whatever it had left. It must be entered, or not yet started."""
        self._used, self._given = self.consumed(), min(amount, _ENDLESS)
        _unfailing(c.context_set_fuel(self.context, self._given))

    def consumed(self) -> int:
        """How much fuel it used in all; it is entered, or not yet started, or about to be freed."""
        return self._used + self._given - (self.fuel or 0)

    @contextmanager
    def at_nobodys_expense(self) -> Iterator[None]:
        """What its store runs meanwhile uses no fuel and no calls of the host of the guest's, even where it ends."""
        fuel, calls, purse = self.fuel, self.host_left, self.purse
        # What is there meanwhile is nobody's: a purse that is paid back at the guest's end must not get it.
        self.host_left, self.purse = math.inf, None
        if fuel is not None:
            _unfailing(c.context_set_fuel(self.context, _ENDLESS))
        try:
            yield
        finally:
            self.host_left, self.purse = calls, purse
            if fuel is not None:
                _unfailing(c.context_set_fuel(self.context, fuel))
            if self.ended and purse is not None:
                purse.settle(self)

    def used(self) -> int:
        """How much fuel it used since this was asked the last time; it is entered."""
        total = self.consumed()
        used, self._told = total - self._told, total
        return used

    def _fill(self, frame: Frame) -> None:
        """Gives it its fuel.

        Raises:
            ComponentError: its machine code does not count what it executes.
        """
        fuel, component = self.settings.fuel, self.linker.component
        if component.variant.metered:
            self.refuel(_ENDLESS if fuel is None else fuel)
        elif fuel is not None:
            raise ComponentError(f"{component.name} cannot have a limit of fuel: take its metered variant")
        if self.settings.purse is not None:
            self.settings.purse.lend(self, frame)

    # Entering and leaving

    def enter(self, frame: Frame) -> None:
        """Waits for the turn and takes it.

        Raises:
            TimedOut, Cancelled: the frame's deadline passed, or its run was stopped, while waiting.
            Trapped: the instance ended by an earlier trap, or is calling out on this very thread.
            ClosedError: the instance or its engine was closed.
        """
        if self.take(False):
            self.turn.holder = get_ident()
        else:
            self.turn.acquire(frame)
        try:
            if self.gone:
                raise self._refusal()
            self._ticker.enter(self)
        except BaseException:
            self._release()
            raise
        self.frame = frame
        if self.bank is not None:
            self.bank.refused = False

    def enter_nested(self, frame: Frame) -> None:
        """`enter`, for a call out of an instance that is entered itself: the epoch ticks already."""
        self.turn.acquire(frame)
        if self.gone:
            self._release()
            raise self._refusal()
        self.frame = frame

    def leave_nested(self) -> None:
        """Gives the turn back after `enter_nested`."""
        try:
            self._tidy()
        finally:
            self.frame = None
            self._release()

    def _tidy(self) -> None:
        """Does what has to be done before the instance is left; a destructor calls too."""
        if self.drops:
            self._drop_deferred()
        self.owed = None
        if self.left is not None and not self.closed:
            self.left()
        if self.swollen or self.ended:
            self._shrink()
        if self.unfinished:
            self._words.flush()
        if self.lease is not None:
            self.lease.end(self)

    def _shrink(self) -> None:
        """Gives back what values took of the shim's memory; one that ended may be kept for long without a call.

        That a guest which goes on was refused memory is told.
        """
        self.swollen = False
        if self.bank is not None and self.bank.refused:
            self.bank.refused = False
            if self.settings.starved is not None and not self.gone:
                self.settings.starved(self)
        memories = self.bank.begun if self.bank is not None and self.linker.code.shim is not None else ()
        if memories and memories[0].base:
            self.arena.wipe()

    def _refusal(self) -> ClosedError | Trapped:
        """Why an instance that is gone cannot be entered."""
        return ClosedError("the instance was closed") if self.closing else Trapped(f"{_OVER}{self.ended}")

    def leave(self) -> None:
        """Gives the turn back."""
        try:
            self._tidy()
        finally:
            self._ticker.leave(self)
            self.frame = None
            self._release()

    def _release(self) -> None:
        """Gives the turn back and does what came while it was held."""
        self.turn.release()
        self.after_release()

    def after_release(self) -> None:
        """Does what came while the turn was held: a close, or resources to drop."""
        if self.closing:
            self.close()
        elif self.drops:
            self._drop_now(None)

    @contextmanager
    def entered(self, frame: Frame) -> Iterator[Instance]:
        """The instance, entered with the frame for the time of the block."""
        self.enter(frame)
        try:
            yield self
        finally:
            self.leave()

    # Calling

    def call(self, interface: Name | None, function: Function, values: Sequence[Any], *, checked: bool = False) -> Any:
        """Calls an exported function of an entered instance.

        Arguments:
            interface: the exported interface the function is in; None for the world's own.
            values: one for each parameter, in their Python forms.
            checked: the values passed `interface.check` already.

        Returns:
            The result in its Python form; None for a function without one.

        Raises:
            ValueMismatch: a value does not fit its parameter.
            Trapped, LimitExceeded, TimedOut, Cancelled: the guest ended that way; so does its instance.
            RunError: what a host function raised that the guest called.
        """
        if not checked:
            values = [check(f.type, value, f.name) for f, value in zip(function.params, values, strict=True)]
        return self.call_sized(interface, function, values)[0]

    def call_sized(self, interface: Name | None, function: Function, values: Sequence[Any]) -> tuple[Any, int]:
        """The same with checked values; also the size of the result in canonical form, bytes."""
        target = exported(interface, function)
        value, size = self.call_carried(target, values)
        with self.allowed:
            return plain(function.result, python_of(value, self.check)), size

    def call_carried(self, target: Exported, values: Sequence[Any]) -> tuple[Any, int]:
        """The same; the result as it came: see `_calls.Call`.

        Arguments:
            values: checked ones in Python forms, or results of other calls whose types are the parameters'.
        """
        self._mine()
        return (self.calls.get(target.key) or self.ready(target)).call(values)

    def ready(self, target: Exported) -> Call:
        """What calls an exported function; made once an instance."""
        call = self.calls.get(target.key)
        if call is None:
            call = self.calls[target.key] = self._made(target)
        return call

    def _made(self, target: Exported) -> Call:
        code = self.linker.code
        direct = code.direct.get(target.key)
        if direct is not None:
            from orchestrator.engine._direct_call import DirectCall

            assert self.bank is not None
            return DirectCall(self, target, direct, self.bank.begun[direct.memory])
        number = None if code.shim is None else code.shim.exports.get(target.key)
        if number is not None:
            from orchestrator.engine._bulk_call import BulkCall

            return BulkCall(self, target, self.function(EXPORTS, f"f{number}"), self.arena)
        return by_value(self, target, self.function(target.interface, target.function.name))

    def run(self, function: Callable[..., int | None], *arguments: Any) -> None:
        """Has the C API run the guest."""
        self._calling = True
        try:
            error = function(*arguments)
        finally:
            self._calling = False
        if error:
            raise self.failed(error)

    def _mine(self) -> None:
        """Refuses a call of an instance that this thread has not entered, or is inside: it would corrupt the store."""
        if not self.turn.mine():
            raise ClosedError("the instance is not entered by this thread")
        if self._calling:
            raise Trapped("a component cannot be called while it is calling out: the call would enter it again")

    def function(self, interface: Name | None, name: str) -> int:
        """The address of an exported function, looked up once an instance."""
        found = self.functions.get(function_key(interface, name)) or self.find(interface, name)
        return int(found.value)

    def find(self, interface: Name | None, name: str) -> Any:
        """Looks an exported function up: its address, as the C API takes it."""
        index = self.linker.code.index(interface, name)
        out = _Place()
        if not c.instance_function(ctypes.addressof(self._native), self.context, index, ctypes.addressof(out)):
            raise Trapped(f"the component has no export {f'{interface}.' if interface else ''}{name}")
        self._found.append(out)
        found = self.functions[function_key(interface, name)] = ctypes.c_void_p(ctypes.addressof(out))
        return found

    def rest(self) -> None:
        """Refuses what only an instance allows that this thread has entered, and in which no call is going on.

        Raises:
            ClosedError: it has ended, or this thread has not entered it.
            Trapped: it is calling out.
        """
        self._mine()
        if self.gone:
            raise ClosedError("the instance has ended")

    def forget_words(self) -> None:
        """What it printed is nothing that a later error quotes."""
        self._words.forget()

    # Ending

    def failed(self, error: int) -> BaseException:
        """What a C error means; the instance ends with it, as every trap ends one."""
        pending, self.pending = self.pending, None
        problem = pending or failure(error, self._reason(), self._refused(), self.settings.fuel)
        if pending is not None:
            c.error_delete(error)
        self.end(problem)
        return problem

    def end(self, problem: BaseException) -> None:
        """The instance answers no further call, because of that; what ended it first is what it says."""
        if not self.ended:
            said = next(iter(str(problem).splitlines()), "") or type(problem).__name__
            self.ended, self.gone = said.removeprefix(_OVER), True
            if self.purse is not None:
                self.purse.settle(self)
            if self.ending is not None:
                self.ending(self, problem)

    def _reason(self) -> Reason | None:
        """What the guest said of its end, unless errors must not quote it."""
        return self._words.reason() if self.settings.quotes else None

    def _refused(self) -> str:
        """What it was not given of what it asked for; nothing else is known of a store's own limiter."""
        if self.bank is None or not self.bank.refused:
            return ""
        return f"the guest asked for more memory than its limit, {self.settings.memory} bytes, and ended"

    def count_call(self) -> None:
        """Counts a call of what the host serves.

        Raises:
            LimitExceeded: it is one more than the guest may make.
        """
        self.host_left -= 1
        if self.host_left < 0:
            self.overdraw()

    def overdraw(self) -> None:
        """Has its purse pay for a call of the host, where it has none left itself.

        Raises:
            LimitExceeded: none is left at all.
        """
        if self.purse is None or not self.purse.call():
            message = f"the guest called the host more than the {self.settings.host_calls} times it may"
            raise LimitExceeded(message, limit="host-calls")
        self.host_left = 0

    def recall(self) -> NoReturn:
        """Raises the error that a lane is to give.

        Raises:
            Refused: it is that.
            Trapped: it has something else to give.
        """
        owed, self.owed = self.owed, None
        raise (
            Refused(owed.error) if isinstance(owed, Refused) else Trapped(_CONFUSED)
        )  # what is raised has no name here

    def kept(self) -> Any:
        """What a lane is to give where all went well.

        Raises:
            Trapped: there is nothing.
        """
        owed, self.owed = self.owed, None
        if not isinstance(owed, tuple):
            raise Trapped(_CONFUSED)
        return owed

    def say(self, stream: str, data: bytes) -> None:
        """Takes what the guest prints.

        Arguments:
            stream: `stdout` or `stderr`.
        """
        self._words(stream, data)

    def exited(self, code: int) -> RunError:
        """What a guest ends with that ended itself with a code."""
        return exited(code, self._refused())

    def check(self) -> None:
        """Asked by what waits on the guest's thread: raises why it should not go on waiting."""
        problem = problem_of(self)
        if problem is not None:
            raise problem

    def raise_in_guest(self, problem: BaseException) -> int:
        """Keeps what a host function raised, to be raised when the guest's call has unwound; the C error for it."""
        if self.pending is None:
            self.pending = problem
        return int(c.error_new(b"a host function failed"))

    def drop(self, any_: int, frame: Frame | None) -> None:
        """Drops a resource of this instance: at once if it is idle, else when it is left.

        Arguments:
            frame: the stay that this belongs to, if it does to one; else its destructor has a second.
        """
        self.abandon(any_)
        self._drop_now(frame)

    def abandon(self, any_: int) -> None:
        """Drops a resource when the instance is left the next time; runs nothing now."""
        if self.closed:
            c.resource_delete(any_)
        else:
            self.drops.append(any_)

    def _drop_now(self, frame: Frame | None) -> None:
        if not self.turn.try_acquire():
            return
        try:
            if not self.closed:
                self._ticker.enter(self)
        except BaseException as problem:  # the engine was closed: nothing runs any more
            self.ended, self.gone = self.ended or str(problem), True
        else:
            self.frame = frame or Frame(deadline=time.monotonic() + _DESTRUCTOR, limit="a destructor took too long")
        self.leave()

    def _drop_deferred(self) -> None:
        while self.drops:
            any_ = self.drops.pop()
            try:
                if not self.ended and not self.closed:
                    self.run(c.resource_drop, self.context, any_)
            except BaseException:
                self.ended = f"a destructor failed: {self.ended}"
            finally:
                c.resource_delete(any_)

    def dismiss(self, frame: Frame | None = None) -> None:
        """Whoever it was made for needs it no more: it ends, unless it has an heir. It is not entered.

        Arguments:
            frame: the last stay in it.
        """
        if self.heir is None or self.gone:
            self.close()
        else:
            self.heir(self, frame)

    def close(self) -> None:
        """Ends the instance and frees its store: at once if it is idle, else when it is left."""
        self.closing = self.gone = True
        if not self.turn.try_acquire():
            return
        try:
            if not self.closed:
                self._free()
        finally:
            self.turn.release()

    def _free(self) -> None:
        self.handles.close()
        if self.lease is not None:
            self.lease.end(self)
        elif self.purse is not None:
            self.purse.settle(self)
        self.closed = True
        while self.drops:
            c.resource_delete(self.drops.pop())
        LIVE.pop(self.context, None)
        c.store_delete(self._store)
        self.base = self.ready_state = None
        if self.host is not None:
            self.host.close()


def _unfailing(error: int | None) -> None:
    """Raises what only a mistake of this room gives."""
    if error:
        raise AssertionError(c.take_message(error))


def _unheard(_stream: str, _data: bytes) -> None:
    """Takes what nobody wants to hear."""
