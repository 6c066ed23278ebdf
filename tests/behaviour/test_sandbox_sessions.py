"""Sessions of a sandbox: what is defined stays, states are kept by name, and gone back to whatever happened since."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from orchestrator import ClosedError, Engine, RunError, TimedOut, Trapped
from orchestrator.runtime.clean import MOST_NAMED
from tests.behaviour.conftest import MakeSandbox as Make


def test_a_session_keeps_its_state_and_no_other_has_it(make: Make) -> None:
    sandbox = make(size=1)
    with sandbox.session() as session, sandbox.session() as other:
        assert [session.run("n").value for _ in range(3)] == [11, 22, 33]
        assert sandbox.run("n").value == 11
        assert other.run("n").value == 11
        assert session.run("n").value == 44


def test_states_are_kept_by_name(make: Make) -> None:
    with make().session() as session:
        session.run("n")
        session.snapshot("one")
        session.run("n")
        session.run("g")
        session.snapshot("two")
        session.run("n")
        for _ in range(3):
            session.revert("one")
            assert (session.run("n").value, session.run("g").value) == (22, 2)
            session.revert("two")
            assert (session.run("n").value, session.run("g").value) == (33, 3)
        session.reset()
        assert (session.run("n").value, session.run("g").value) == (11, 2)
        session.snapshot("one")
        session.run("n")
        session.revert("one")
        assert session.run("n").value == 22
        assert session.snapshots == ("one", "two")


def test_a_state_is_there_after_the_instance_ended(make: Make) -> None:
    with make().session() as session:
        session.run("n")
        session.snapshot("one")
        for source, kind in (("t", Trapped), ("l", TimedOut)):
            with pytest.raises(kind):
                session.run(source, timeout=0.1)
            with pytest.raises(Trapped) as caught:
                session.run("n")
            assert str(caught.value).startswith("the instance answers no further call: ")
            session.revert("one")
            assert session.run("n").value == 22
        with pytest.raises(Trapped):
            session.run("t")
        session.reset()
        assert session.run("n").value == 11


def test_where_no_state_can_be_kept_that_is_said_and_a_reset_works(make: Make) -> None:
    with make(fresh=True).session() as session:
        assert [session.run("n").value for _ in range(2)] == [11, 22]
        with pytest.raises(RunError) as caught:
            session.snapshot("one")
        assert str(caught.value) == "the state cannot be kept: letters: it changes a table"
        session.reset()
        assert session.run("n").value == 11


def test_so_many_states_are_kept_and_no_more(make: Make) -> None:
    with make().session() as session:
        for number in range(MOST_NAMED):
            session.snapshot(str(number))
        with pytest.raises(RunError) as caught:
            session.snapshot("more")
        assert str(caught.value) == "128 states of the session are kept, as many as may be: `forget` one"
        session.run("n")
        session.snapshot("7")  # in place of the one that was there
        session.forget("8")
        session.forget("8")
        session.snapshot("more")
        assert len(session.snapshots) == MOST_NAMED
        session.revert("7")
        assert session.run("n").value == 22
        with pytest.raises(ValueError) as unknown:
            session.revert("8")
        assert str(unknown.value).startswith("the session kept no state `8`; it kept `0`, `1`, ")
        with pytest.raises(TypeError):
            session.forget(8)  # type: ignore[arg-type]


def test_a_name_that_is_not_known_is_refused(make: Make) -> None:
    with make().session() as session:
        with pytest.raises(ValueError) as caught:
            session.revert("one")
        assert str(caught.value) == "the session kept no state `one`; it kept none"
        session.snapshot("first")
        with pytest.raises(ValueError) as caught:
            session.revert("one")
        assert str(caught.value) == "the session kept no state `one`; it kept `first`"
        with pytest.raises(TypeError):
            session.snapshot(1)  # type: ignore[arg-type]


def test_snippets_of_a_session_take_turns(make: Make) -> None:
    with make().session() as session:

        async def main() -> list[Any]:
            found = await asyncio.gather(*(session.arun("n") for _ in range(9)))
            return [each.value for each in found]

        assert sorted(asyncio.run(main())) == [11 * n for n in range(1, 10)]


def test_cancelling_a_task_ends_the_snippet_and_the_instance(make: Make) -> None:
    with make().session() as session:
        session.snapshot("clean")

        async def main() -> None:
            task = asyncio.create_task(session.arun("l"))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        session.revert("clean")
        assert session.run("n").value == 11


def test_a_tool_that_uses_the_session_it_is_called_from_is_told(make: Make) -> None:
    found = list[str]()

    def it() -> int:
        try:
            session.run("n")
        except RunError as problem:
            found.append(str(problem))
        return 1

    with make(tools={"it": it}).session() as session:
        assert session.run("x {}").value == 1
    assert found == ["a tool of a snippet uses the session that the snippet runs in: it would wait for itself"]


def test_a_session_that_was_closed_runs_nothing(make: Make) -> None:
    sandbox = make()
    session, other = sandbox.session(), sandbox.session()
    session.close()
    session.close()
    sandbox.close()
    for each in (session, other):
        for call in (lambda: each.run("n"), lambda: each.snapshot("a"), lambda: each.revert("a"), each.reset):  # noqa: B023 - called at once
            with pytest.raises(ClosedError) as caught:
                call()
            assert str(caught.value) == "the session was closed"


def test_a_session_is_closed_while_a_snippet_runs(make: Make, engine: Engine) -> None:
    sandbox = make()
    session = sandbox.session()
    problem = list[BaseException]()

    def work() -> None:
        try:
            session.run("l", timeout=20)
        except RunError as found:
            problem.append(found)

    thread = threading.Thread(target=work)
    thread.start()
    sandbox.close()
    thread.join(20)
    assert not thread.is_alive()
    assert [str(each) for each in problem] in (["the sandbox was closed"], [])
