"""Resources of a guest in Python: held by the host, lent, given away, and by a guest that is not their owner."""

from __future__ import annotations

import pytest

from orchestrator.engine import Component, Engine, Handle
from orchestrator.errors import ValueMismatch
from tests.conformance.conftest import Guest, make

pytestmark = pytest.mark.slow


def _counter(guest: Guest, start: int) -> Handle:
    made = guest.call("counters/[constructor]counter", start)
    assert isinstance(made, Handle)
    return made


def _add(guest: Guest, counter: Handle, by: int) -> int:
    return int(guest.call("counters/[method]counter.add", counter, by))


def test_the_host_holds_and_lends_one(everything: Guest) -> None:
    one, other = _counter(everything, 40), _counter(everything, 2)
    assert _add(everything, one, 1) == 41
    assert everything.call("counters/sum", [one, other, one]) == 84
    assert everything.call("counters/[method]counter.same-as", one, one) is True
    assert everything.call("counters/[method]counter.same-as", one, other) is False


def test_one_that_is_given_away_is_gone(everything: Guest) -> None:
    one, other = _counter(everything, 40), _counter(everything, 2)
    assert everything.call("counters/[method]counter.absorb", one, other) == 42
    assert not other.alive
    with pytest.raises(ValueMismatch, match="a live handle of counter"):
        _add(everything, other, 1)
    assert _add(everything, one, 0) == 42


def test_statics_options_lists_and_records_of_them(everything: Guest) -> None:
    larger = everything.call("counters/[static]counter.larger", _counter(everything, 1), _counter(everything, 12))
    assert _add(everything, larger, 0) == 12
    parts = everything.call("counters/split", larger, 3)
    assert [(part["label"], _add(everything, part["counter"], 0)) for part in parts] == [
        ("part 0", 4),
        ("part 1", 4),
        ("part 2", 4),
    ]
    assert everything.call("counters/maybe", None) is None
    assert _add(everything, everything.call("counters/maybe", parts[0]["counter"]), 1) == 5
    parsed = everything.call("counters/[static]counter.parse", "17")
    assert _add(everything, parsed["ok"], 0) == 17
    assert everything.call("counters/[static]counter.parse", "x") == {"err": "`x` is no number"}


def test_a_dropped_one_is_gone(everything: Guest) -> None:
    one, other = _counter(everything, 1), _counter(everything, 2)
    one.drop()
    assert not one.alive
    with pytest.raises(ValueMismatch, match="a live handle of counter"):
        everything.call("counters/sum", [other, one])
    assert everything.call("counters/sum", [other]) == 2


def test_another_guest_holds_them_and_passes_them_on(everything: Guest, middle: Guest) -> None:
    middle.call("pool/put", _counter(everything, 1))
    middle.call("pool/put", _counter(everything, 2))
    assert len(middle.instance.handles) == 2
    taken = middle.call("pool/take")
    assert _add(everything, taken, 5) == 7
    assert middle.call("pool/peek", taken, 3) == 10
    assert _add(everything, taken, 0) == 10
    assert middle.call("pool/take") is not None
    assert middle.call("pool/take") is None


def test_the_garbage_collection_of_the_other_guest_lets_go_of_them(everything: Guest, middle: Guest) -> None:
    for n in range(500):
        middle.call("pool/put", _counter(everything, n))
    assert len(middle.instance.handles) == 500
    middle.call("pool/forget")
    assert len(middle.instance.handles) == 0
    assert middle.call("pool/take") is None


def test_one_that_is_held_elsewhere_ends_with_its_owner(everything: Guest, middle: Guest) -> None:
    middle.call("pool/put", _counter(everything, 7))
    everything.instance.close()
    taken = middle.call("pool/take")
    assert isinstance(taken, Handle)
    assert not taken.alive


def test_one_of_another_instance_is_refused(built: Engine, component: Component, everything: Guest) -> None:
    other = make(built, component)
    stranger = _counter(other, 1)
    with pytest.raises(ValueMismatch, match="a counter of the component that is called"):
        _add(everything, stranger, 1)
    assert _add(other, stranger, 1) == 2
    other.instance.close()
    assert not stranger.alive
