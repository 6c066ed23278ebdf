"""Tools that do not return, callers that go away, threads and loops that are not there: no place is lost for ever."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from orchestrator import Cancelled, ClosedError, RunError, Sandbox, TimedOut, Trapped
from orchestrator.engine._live import LIVE
from orchestrator.errors import OrchestratorError
from tests.behaviour.conftest import MakeSandbox as Make
from tests.behaviour.test_sandbox_together import Held, until, waiting


class Stuck(Held):
    """A tool that blocks until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.left = list[int]()

    def __call__(self, number: int = 0) -> int:
        try:
            return super().__call__(number)
        finally:
            self.left.append(number)


@pytest.fixture
def held(nothing_left: None) -> Iterator[Stuck]:
    """A tool that blocks until the end of the test at the latest; instances that were left in it end then."""
    before, tool = set(LIVE), Stuck()
    yield tool
    tool.go.set()
    until(lambda: set(LIVE) == before)


@pytest.fixture
def make(held: Stuck, make: Make) -> Make:
    """The same; its sandboxes are closed before the tool is let go."""
    return make


def whole(sandbox: Sandbox) -> bool:
    """Whether every place of the sandbox is free."""
    pool = sandbox._pool
    return not pool._busy and not pool._waiting and pool._made == len(pool._idle)


def said(kind: type[BaseException], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# Tools that do not return


def test_who_awaits_a_snippet_waits_no_longer_than_its_timeout_for_a_tool(make: Make, held: Stuck) -> None:
    sandbox = make(size=1, tools={"it": held})
    assert said(TimedOut, lambda: asyncio.run(sandbox.arun("x {}", timeout=0.05))) == (
        "the snippet took longer than 0.05 s"
    )
    assert asyncio.run(sandbox.arun("n")).value == 11  # in another instance
    with sandbox.session() as session, pytest.raises(TimedOut):
        asyncio.run(session.arun("x {}", timeout=0.05))
    assert not held.left


def test_who_awaits_a_snippet_waits_no_longer_than_the_sandbox_is_open(make: Make, held: Stuck) -> None:
    sandbox = make(size=1, tools={"it": held}, timeout=None)
    with ThreadPoolExecutor(1) as pool:
        awaiting = pool.submit(asyncio.run, sandbox.arun("x {}"))
        held.inside.wait(20)
        sandbox.close()
        assert said(Cancelled, partial(awaiting.result, 20)) == "the sandbox was closed"
    assert not held.left


def test_a_session_whose_tool_does_not_return_can_be_taken_back(make: Make, held: Stuck) -> None:
    with make(tools={"it": held}, timeout=None).session() as session:
        session.run("n")
        session.snapshot("one")
        before = len(LIVE)
        for back, value in ((session.reset, 11), (partial(session.revert, "one"), 22)):
            with pytest.raises(TimedOut):
                session.run("x {}", timeout=0.05)
            for call in (lambda: session.run("n"), lambda: session.snapshot("two")):
                assert said(Trapped, call) == (
                    "the instance answers no further call: what ran in it did not end in time, and was left behind; "
                    "`reset` or `revert` the session"
                )
            back()
            assert session.run("n").value == value
        assert not held.left
        held.go.set()
        until(lambda: len(LIVE) == before)  # who comes back late ends with the instance, and takes no other
        assert session.run("n").value == 33


def test_a_session_that_is_in_use_says_so(make: Make, held: Stuck) -> None:
    with make(tools={"it": held}).session() as session, ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.run, "x {}")
        held.inside.wait(20)
        for call in (session.run, lambda *a, **k: asyncio.run(session.arun(*a, **k))):
            assert said(TimedOut, lambda: call("n", timeout=0.05)) == "the session was in use for 0.05 s"  # noqa: B023
        held.go.set()
        assert running.result(20).value == 1
        assert session.run("n").value == 11


def test_closing_a_session_ends_what_runs_in_it(make: Make) -> None:
    session = make().session()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.run, "l")
        until(lambda: session._pool._busy)
        session.close()
        assert said(Cancelled, partial(running.result, 20)) == "the session was closed"


# Callers that go away


def interrupted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function after which ctrl-C comes."""

    def called(*arguments: Any) -> Any:
        found = function(*arguments)
        signal.raise_signal(signal.SIGINT)
        return found

    return called


def test_an_interrupt_right_after_a_place_was_given_loses_none(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = make(size=1)
    with monkeypatch.context() as patched:
        patched.setattr(sandbox._pool, "ask", interrupted(sandbox._pool.ask))
        with pytest.raises(KeyboardInterrupt):
            sandbox.run("n")
    assert whole(sandbox)
    assert sandbox.run("n", timeout=5).value == 11


def test_an_interrupt_while_a_session_is_made_leaves_no_instance(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = make()
    before = set(LIVE)
    monkeypatch.setattr(sandbox._guests, "make", interrupted(sandbox._guests.make))
    with pytest.raises(KeyboardInterrupt):
        sandbox.session()
    assert set(LIVE) == before
    assert not sandbox._sessions


class SlowMaking:
    """Makes instances, the first of them not before it is let go."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._make, self.go, self.asked = sandbox._guests.make, threading.Event(), list[Any]()

    def __call__(self, frame: Any) -> Any:
        self.asked.append(frame)
        found = self._make(frame)
        if len(self.asked) == 1:
            assert self.go.wait(20)
        return found


@pytest.mark.parametrize("work", [lambda it: it.run("n"), Sandbox.session], ids=["a snippet", "a session"])
def test_an_instance_that_is_made_too_late_ends(
    make: Make, monkeypatch: pytest.MonkeyPatch, work: Callable[[Sandbox], Any]
) -> None:
    sandbox = make(size=1, tools={"it": list}, timeout=0.2)
    before, slow = len(LIVE), SlowMaking(sandbox)
    monkeypatch.setattr(sandbox._guests, "make", slow)
    assert said(TimedOut, lambda: work(sandbox)) == "the snippet took longer than 0.2 s"
    assert sandbox.run("n").value == 11  # the place is free
    slow.go.set()
    until(lambda: len(LIVE) == before + 1)


def test_a_session_that_is_made_while_its_sandbox_is_closed_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = make()
    before, slow = set(LIVE), SlowMaking(sandbox)
    monkeypatch.setattr(sandbox._guests, "make", slow)
    with ThreadPoolExecutor(1) as pool:
        session = pool.submit(sandbox.session)
        until(lambda: slow.asked)
        sandbox.close()
        slow.go.set()
        assert said(OrchestratorError, partial(session.result, 20)) == "the session was closed"
    until(lambda: set(LIVE) == before)


def test_a_thread_that_cannot_be_started_loses_no_place(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    sandbox = make(size=1, tools={"it": list})
    with monkeypatch.context() as patched:
        patched.setattr(sandbox._carrier.threads, "start", start)
        for call in (lambda: sandbox.run("n"), lambda: asyncio.run(sandbox.arun("n")), sandbox.session):
            assert said(RunError, call) == "there is no thread that the snippet could run on: can't start new thread"
    assert whole(sandbox)
    assert sandbox.run("n", timeout=5).value == 11


class Gone:
    """An event loop that is closed while a snippet is awaited on it."""

    def __init__(self, sandbox: Sandbox, source: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # nobody wants to hear of the task that is dropped
        self._task = self._loop.create_task(sandbox.arun(source))
        self._loop.run_until_complete(asyncio.sleep(0.02))

    def close(self) -> None:
        self._loop.close()

    def drop(self) -> None:
        """What the end of the program does to a task that is left."""
        coroutine = self._task.get_coro()
        assert coroutine is not None
        coroutine.close()


def test_a_loop_that_was_closed_passes_its_place_on(make: Make, held: Stuck) -> None:
    sandbox = make(size=1, tools={"it": held})
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(sandbox.run, "x {}")
        held.inside.wait(20)
        gone = [Gone(sandbox, "n") for _ in range(20)]
        after = pool.submit(sandbox.run, "n")
        until(partial(waiting, sandbox, 21))
        for each in gone:
            each.close()
        held.go.set()
        assert running.result(20).value == 1  # and no error of theirs
        assert after.result(20).value == 11
    assert whole(sandbox)


def test_a_sandbox_is_closed_whole_though_loops_were(make: Make, held: Stuck) -> None:
    sandbox = make(size=1, tools={"it": held})
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(sandbox.run, "x {}")
        held.inside.wait(20)
        gone = Gone(sandbox, "n")
        after = pool.submit(sandbox.run, "n")
        until(partial(waiting, sandbox, 2))
        gone.close()
        sandbox.close()
        assert said(ClosedError, partial(after.result, 20)) == "the sandbox was closed"
        held.go.set()
        with pytest.raises(Cancelled):
            running.result(20)


def test_a_snippet_ends_that_nobody_awaits_any_more(make: Make) -> None:
    sandbox = make(size=1, timeout=None)
    gone = Gone(sandbox, "l")
    gone.close()
    gone.drop()
    assert sandbox.run("n", timeout=5).value == 11
    assert whole(sandbox)


# Tools that wait for themselves

OWN = (
    "a tool of a snippet runs another snippet in the same sandbox, whose `size` is 1: "
    "give it a larger one, or the tool a sandbox of its own"
)
OWN_SESSION = "a tool of a snippet uses the session that the snippet runs in: it would wait for itself"


def tools_that_use(user: Callable[[], Any]) -> list[Callable[[], Any]]:
    """Tools that run a snippet with `user()`, in each way in which one can."""

    def plain() -> Any:
        return user().run("n").value

    def on_a_loop_of_its_own() -> Any:
        return asyncio.run(user().arun("n")).value

    async def awaited() -> Any:
        return (await user().arun("n")).value

    async def in_a_task() -> Any:
        return (await asyncio.gather(user().arun("n")))[0].value

    async def on_another_thread() -> Any:
        return (await asyncio.to_thread(user().run, "n")).value

    return [plain, on_a_loop_of_its_own, awaited, in_a_task, on_another_thread]


@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_tool_that_would_wait_for_itself_is_told_at_once(make: Make, which: int, asynchronous: bool) -> None:
    users = list[Any]()
    sandbox = make(size=1, timeout=None, tools={"it": tools_that_use(lambda: users[0])[which]})

    def ask(user: Any) -> Any:
        users[:] = [user]
        return asyncio.run(user.arun("x {}")) if asynchronous else user.run("x {}")

    assert ask(sandbox).printed == f'"RunError: {OWN}"'
    with sandbox.session() as session:
        assert ask(session).printed == f'"RunError: {OWN_SESSION}"'
        users[:] = [session]
        assert sandbox.run("x {}").value == 11  # it is none of the session's


def test_a_tool_that_would_wait_for_itself_by_way_of_another_sandbox_is_told(make: Make) -> None:
    async def it() -> str:
        return (await other.arun("x {}")).printed

    async def back() -> Any:
        return (await sandbox.arun("n")).value

    sandbox, other = make(size=1, tools={"it": it}), make(size=1, tools={"it": back})
    assert sandbox.run("x {}").value == f'"RunError: {OWN}"'
    assert asyncio.run(sandbox.arun("x {}")).value == f'"RunError: {OWN}"'


def test_a_task_that_a_tool_began_may_use_the_sandbox_when_its_snippet_is_over(make: Make) -> None:
    begun = list[asyncio.Task[Any]]()
    over = asyncio.Event()

    async def later() -> Any:
        await over.wait()
        found = await asyncio.gather(sandbox.arun("n"), sandbox.arun("n"))
        return [each.value for each in found]

    async def it() -> None:
        begun.append(asyncio.create_task(later()))

    sandbox = make(size=1, tools={"it": it})

    async def main() -> Any:
        await sandbox.arun("x {}")
        over.set()
        return await begun[0]

    assert asyncio.run(main()) == [11, 11]
