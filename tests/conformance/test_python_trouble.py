"""Guests in Python that do what they should not: what is said, so that their author can act on it, and what goes on."""

from __future__ import annotations

import pytest

from orchestrator.engine import Component, Engine
from orchestrator.errors import Trapped
from tests.conformance.conftest import Guest, make

pytestmark = pytest.mark.slow

MISFIT = "the guest trapped: a value that it gave does not fit its WIT type: "
GIVEN = ("in what the called function returns, or passes to a function that it imports",)


def _fails(guest: Guest, function: str, *values: object) -> Trapped:
    with pytest.raises(Trapped) as caught:
        guest.call(f"trouble/{function}", *values)
    return caught.value


def test_an_exception_is_told_with_its_place(everything: Guest) -> None:
    error = _fails(everything, "raise", "boom\n  and more")
    assert error.message == "the guest trapped: ValueError: boom"
    assert [cause.rpartition(" ")[0] for cause in error.causes] == ["in raise_, app.py line"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("wrong-type", "TypeError(\"'str' object cannot be interpreted as an integer\")"),
        ("too-large", "OverflowError('out of range integral type conversion attempted')"),
        ("not-a-record", "IndexError('tuple index out of range')"),
        ("unknown-error", "TypeError(\"'int' object is not an instance of 'str'\")"),
    ],
)
def test_a_value_of_a_wrong_type_is_told(everything: Guest, function: str, said: str) -> None:
    error = _fails(everything, function)
    assert (error.message, error.causes) == (MISFIT + said, GIVEN)


def test_who_called_fails_with_the_same_error(middle: Guest) -> None:
    error = _fails(middle, "raise", "boom")
    assert error.message == "the guest trapped: ValueError: boom"
    over = "the instance answers no further call: the guest trapped: ValueError: boom"
    assert [_fails(middle, "refuse", "x").message for _ in range(3)] == [over] * 3


def test_a_trap_ends_its_instance_and_no_other(
    built: Engine, component: Component, everything: Guest, middle: Guest
) -> None:
    _fails(everything, "raise", "boom")
    other = make(built, component)
    assert other.call("trouble/refuse", "no") == {"err": "no"}
    other.instance.close()
    assert _fails(middle, "refuse", "no").message == (
        "the instance answers no further call: the guest trapped: ValueError: boom"
    )


def test_an_err_is_a_value_and_ends_nothing(everything: Guest, middle: Guest) -> None:
    for guest in (middle, everything, middle):
        assert guest.call("trouble/refuse", "no") == {"err": "no"}
        assert guest.call("results/no-ok", {"ok": None}) == {"ok": None}


def test_an_exit_is_told(everything: Guest) -> None:
    assert _fails(everything, "leave", 3).message == "the guest ended itself with exit code 1"


def test_what_it_prints_is_its_own(everything: Guest, middle: Guest) -> None:
    middle.call("trouble/speak", "hé")
    assert middle.printed == []
    printed = {
        stream: "".join(text for s, text in everything.printed if s == stream) for stream in ("stdout", "stderr")
    }
    assert printed == {"stdout": "hé\n", "stderr": "hé\n"}


def test_coroutines_and_their_waiting(everything: Guest, middle: Guest) -> None:
    for guest in (everything, middle):
        assert guest.call("trouble/awaited", 10) == 45


def test_a_text_grows_on_its_way(everything: Guest, middle: Guest) -> None:
    assert middle.call("trouble/lengthen", "abc", 1_000_000) == "abc" * 1_000_000
    assert everything.call("trouble/lengthen", "", 1_000_000) == ""
