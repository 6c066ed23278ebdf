"""What is made of the end of a guest's standard error."""

from __future__ import annotations

import pytest

from orchestrator.engine._last_words import KEPT, LastWords, Reason, reason

NOTE = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
RAISED = (
    'Traceback (most recent call last):\n  File "/0/app.py", line 3, in go\n  File "/python/json/__init__.py", line 9, '
    "in loads\nValueError: boom\nand more\n\nthread '<unnamed>' (1) panicked at runtime/src/lib.rs:1280:25:\n"
    "Python function threw an unexpected exception\n" + NOTE
)
MISFIT = (
    "\nthread '<unnamed>' (1) panicked at runtime/src/lib.rs:1444:67:\ncalled `Result::unwrap()` on an `Err` value: "
    "PyErr { type: <class 'TypeError'>, value: TypeError('no integer'), traceback: None }\n" + NOTE
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("a line\n", None),
        (NOTE, None),
        ("x panicked at y", None),
        (RAISED, Reason("ValueError: boom", ("in loads, /python/json/__init__.py line 9", "in go, app.py line 3"))),
        ("noise\n" + RAISED, reason(RAISED)),
        (RAISED.replace("Traceback", "Traceback (most recent call last):\nOther: x\n\nTraceback", 1), reason(RAISED)),
        (RAISED + "two\nlines\n", None),
        (
            MISFIT,
            Reason(
                "a value that it gave does not fit its WIT type: TypeError('no integer')",
                ("in what the called function returns, or passes to a function that it imports",),
            ),
        ),
        (
            "printed before\nTypeError: go() takes 1 positional argument but 2 were given\n"
            + RAISED[RAISED.index("\nthread") :],
            Reason(
                "TypeError: go() takes 1 positional argument but 2 were given",
                ("in the call of it: has its method the parameters of the WIT function?",),
            ),
        ),
        ("thread 'main' panicked at src/lib.rs:1:5:\nit is\nempty\n" + NOTE, Reason("it is empty")),
        ("thread 'main' panicked at a:\n" + "x" * 2000 + "\n" + NOTE, Reason("x" * 1000 + " …")),
    ],
)
def test_the_reason(text: str, expected: Reason | None) -> None:
    assert reason(text) == expected


def test_only_the_innermost_frames_are_told() -> None:
    frames = "".join(f'  File "/0/app.py", line {n}, in f\n' for n in range(100))
    found = reason(RAISED.replace('  File "/0/app.py", line 3, in go\n', frames))
    assert found is not None
    assert found.frames[0] == "in loads, /python/json/__init__.py line 9"
    assert found.frames[-1] == "in f, app.py line 89"
    assert len(found.frames) == 12


@pytest.mark.parametrize(
    "part", ["thread 'x' panicked at ", " panicked at \n", "Traceback (most recent call last):\n", '  File "']
)
def test_a_guest_that_plays_with_it_costs_little(part: str) -> None:
    words = LastWords(lambda _stream, _data: None)
    for _ in range(20):
        words("stderr", part.encode() * (KEPT // len(part)))
    words("stderr", NOTE.encode())
    words.reason()


def test_what_is_printed_is_handed_on_and_its_end_kept() -> None:
    seen: list[tuple[str, bytes]] = []
    words = LastWords(lambda stream, data: seen.append((stream, data)))
    words("stderr", b"\xff" * 100_000)
    for line in RAISED.splitlines(keepends=True):
        words("stderr", line.encode())
    words("stdout", b"result\n")
    assert words.reason() == reason(RAISED)
    assert b"".join(data for stream, data in seen if stream == "stderr") == b"\xff" * 100_000 + RAISED.encode()
    assert seen[-1] == ("stdout", b"result\n")


def test_lines_are_handed_on_whole() -> None:
    seen: list[tuple[str, bytes]] = []
    words = LastWords(lambda stream, data: seen.append((stream, data)))
    for piece in (b"one", b" ", b"two", b"\nthree\nfo", b"ur"):
        words("stdout", piece)
        words("stderr", b"")
    assert seen == [("stdout", b"one two\nthree\n")]
    words.flush()
    words.flush()
    assert seen[1:] == [("stdout", b"four")]


def test_a_line_without_end_is_handed_on_in_parts() -> None:
    seen: list[int] = []
    words = LastWords(lambda _stream, data: seen.append(len(data)))
    for _ in range(100):
        words("stdout", b"x" * 1000)
    assert sum(seen) == 100_000
    assert max(seen) == 5000
