"""Sandboxes of the languages that ship: what the guide says of them from Python and from the command line is so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    Engine,
    Grants,
    InvalidSnippet,
    LimitExceeded,
    Sandbox,
    SnippetDenied,
    SnippetFailed,
    TimedOut,
)
from orchestrator.cli import main
from orchestrator.engine._javascript_builder import missing

pytestmark = pytest.mark.slow
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "sandboxes.md"


@pytest.fixture(scope="module")
def shared() -> Iterator[Engine]:
    """An engine with the user's own cache, where what was built for other tests is."""
    with Engine() as engine:
        yield engine


@pytest.fixture(params=["python", "javascript"])
def language(request: pytest.FixtureRequest) -> str:
    if request.param == "javascript" and (why := missing()):
        pytest.skip(f"the sandbox for JavaScript is not tried: {why}")
    return str(request.param)


def random_of(language: str) -> str:
    return "import random\nrandom.random()" if language == "python" else "Math.random()"


def test_each_snippet_is_the_first(shared: Engine, language: str) -> None:
    with Sandbox(language, engine=shared, size=1) as sandbox:
        names = {"python": ("'x' in globals()", "x = 1"), "javascript": ("typeof x !== 'undefined'", "var x = 1")}
        asks, sets = names[language]
        for _ in range(3):
            assert sandbox.run(asks).value is False
            sandbox.run(sets)
            with pytest.raises(SnippetFailed) as caught:
                sandbox.run("nothing_of_that_name")
            assert "nothing_of_that_name" in caught.value.message
            assert "<snippet>" in caught.value.traceback


def test_a_source_that_is_none_shows_its_line(shared: Engine, language: str) -> None:
    with Sandbox(language, engine=shared, size=1) as sandbox, pytest.raises(InvalidSnippet) as caught:
        sandbox.run("1 +\n+ )")
    assert caught.value.message.startswith("SyntaxError: ")


def test_limits_end_a_snippet_and_not_the_next(shared: Engine, language: str) -> None:
    grows = {"python": "x = []\nwhile True: x.append('a' * 10_000_000)", "javascript": "var x = []; for (;;) x.push(1)"}
    ends = {"python": "while True: pass", "javascript": "for (;;) {}"}
    with Sandbox(language, engine=shared, size=1, memory=64 << 20, timeout=20) as sandbox:
        with pytest.raises(TimedOut):
            sandbox.run(ends[language], timeout=0.2)
        with pytest.raises((SnippetFailed, LimitExceeded)):
            sandbox.run(grows[language])
        assert sandbox.run("1 + 1").value == 2
    with Sandbox(language, engine=shared, size=1, fuel=10_000_000) as sandbox:
        with pytest.raises(LimitExceeded) as caught:
            sandbox.run(ends[language])
        assert caught.value.limit == "fuel"
        assert sandbox.run("1 + 1").value == 2


def test_random_numbers_differ_only_where_they_are_granted(shared: Engine, language: str) -> None:
    source = random_of(language)
    with Sandbox(language, engine=shared, size=1) as sandbox:
        assert len({sandbox.run(source).value for _ in range(5)}) == 1
    if language == "python":
        with Sandbox(language, engine=shared, size=1, grants=Grants(random="secure")) as sandbox:
            assert len({sandbox.run(source).value for _ in range(5)}) == 5


def test_tools_are_called_by_name_and_place(shared: Engine, language: str) -> None:
    def add(a: int, b: int = 10) -> dict[str, Any]:
        if a < 0:
            raise PermissionError("no negative numbers")
        return {"sum": a + b}

    async def later(text: str) -> str:
        await asyncio.sleep(0)
        return text.upper()

    with Sandbox(language, engine=shared, size=1, tools={"add": add, "later": later}) as sandbox:
        access = "['sum']" if language == "python" else ".sum"
        assert sandbox.run(f"tools.add(1){access}").value == 11
        assert sandbox.run("tools.add(1, 2)").calls == 1
        assert asyncio.run(sandbox.arun("tools.later('x')")).value == "X"
        with pytest.raises(SnippetDenied) as caught:
            sandbox.run("tools.add(-1)")
        assert "no negative numbers" in caught.value.message
        with pytest.raises(SnippetFailed) as failed:
            sandbox.run("tools.add('x')")
        assert "invalid-arguments" in failed.value.message


def test_a_session_keeps_names_and_states(shared: Engine, language: str) -> None:
    define = {"python": "ages = [3, 4]", "javascript": "const ages = [3, 4]"}[language]
    count = {"python": "len(ages)", "javascript": "ages.length"}[language]
    clear = {"python": "ages.clear()", "javascript": "ages.length = 0; 0"}[language]
    with Sandbox(language, engine=shared) as sandbox, sandbox.session() as session:
        session.run(define)
        session.snapshot("loaded")
        session.run(clear)
        assert session.run(count).value == 0
        session.revert("loaded")
        assert session.run(count).value == 2
        with pytest.raises(TimedOut):
            session.run("while True: pass" if language == "python" else "for (;;) {}", timeout=0.1)
        session.revert("loaded")
        assert session.run(count).value == 2
        session.reset()
        with pytest.raises(SnippetFailed):
            session.run(count)


def test_the_python_of_the_guide_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "sandboxes.md", "exec"), namespace)
    first, failed, *rest = capsys.readouterr().out.splitlines()
    assert first == "['About contracts', 'About contracts']  1"
    assert failed.startswith("ZeroDivisionError: division by zero Traceback (most recent call last):")
    assert rest[-2:] == ["", "34.333333333333336"]


def test_the_command_of_the_guide_does_what_it_says(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "--lang", "python", "sum(n * n for n in numbers)", "--input", "numbers=[1, 2, 3]"]) == 0
    assert capfd.readouterr().out == "14\n"
