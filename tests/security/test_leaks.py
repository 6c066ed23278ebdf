"""No bit gets across a revert: not by memory, globals, tables, segments, handles, modules, nor by what the host keeps.

Each attack is also made without the revert, where it must succeed: what cannot fail proves nothing. Where only a fresh
instance is certain to be clean, the component says so (`way`), and no state of it is taken.
"""

from __future__ import annotations

import pytest

from orchestrator.engine import CannotKeep, Engine, Snapshot, _posix
from orchestrator.errors import Trapped
from orchestrator.manifest.model import Bulk
from tests.support.keeping import Kept, keeping
from tests.support.leaks import ATTACKS, Attack

BIT = 77
KEEPABLE = {name: one for name, one in ATTACKS.items() if one.way != "fresh"}
FRESH = {name: one for name, one in ATTACKS.items() if one.way == "fresh"}
FORMS: dict[str, tuple[Bulk, bool]] = {
    "bulk auto": ("auto", False),
    "bulk never": ("never", False),
    "metered": ("auto", True),
}
each = pytest.mark.parametrize("attack", KEEPABLE.values(), ids=KEEPABLE)
in_each_form = pytest.mark.parametrize(("bulk", "metered"), FORMS.values(), ids=FORMS)


@pytest.fixture(params=[True, False], ids=["by changed pages", "by all pages"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the system tells which pages changed."""
    if request.param and not _posix.tells_changes():
        pytest.skip("this kernel does not tell which pages changed")
    monkeypatch.setattr(_posix, "tells_changes", lambda: request.param)
    return bool(request.param)


def clean(one: Kept, state: Snapshot) -> int:
    """What an instance says that nothing was done to since its state was taken; it is in that state again."""
    answer: int = one.call("get")
    one.put(state)
    return answer


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_how_it_is_taken_back_is_known(engine: Engine, attack: Attack) -> None:
    with keeping(engine, attack.text) as subject:
        assert subject.component.way.name == attack.way
        assert attack.reason in subject.component.way.reason


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_it_is_an_attack(engine: Engine, attack: Attack) -> None:
    with keeping(engine, attack.text) as subject:
        attacked, other = subject.fresh(), subject.fresh()
        attacked.call("set", BIT)
        answer = other.call("get")
        if attack.reason.startswith("it drops a segment"):
            with pytest.raises(Trapped):
                attacked.call("get")
        else:
            assert attacked.call("get") != answer


@in_each_form
@each
def test_nothing_is_left_of_it(engine: Engine, told: bool, attack: Attack, bulk: Bulk, metered: bool) -> None:
    with keeping(engine, attack.text, bulk, metered=metered) as subject:
        one = subject.fresh()
        state = one.take()
        before, memories = clean(one, state), one.memories()
        for _ in range(2):
            one.call("set", BIT)
            one.put(state)
            assert one.memories() == memories
            assert clean(one, state) == before


@each
def test_nothing_is_left_on_the_way_to_a_later_state_and_back(engine: Engine, attack: Attack) -> None:
    with keeping(engine, attack.text) as subject:
        one = subject.fresh()
        first = one.take()
        before = clean(one, first)
        one.call("set", BIT)
        second = one.take(first)
        after = clean(one, second)
        for state, answer in ((first, before), (second, after), (first, before)):
            one.put(state)
            assert clean(one, state) == answer
        assert before != after


@each
def test_nothing_is_left_when_another_instance_is_brought_there(engine: Engine, told: bool, attack: Attack) -> None:
    with keeping(engine, attack.text) as subject:
        one, other = subject.fresh(), subject.fresh()
        state = one.take()
        before = clean(one, state)
        other.call("set", BIT)
        spoilt = other.take()
        for back in (state, spoilt, state):
            other.put(back)
        assert clean(other, state) == before


@each
def test_a_trap_in_the_middle_leaves_nothing(engine: Engine, attack: Attack) -> None:
    text = attack.text.replace('(func (export "set") (param "p0" u32)', TRAP + '(func (export "set") (param "p0" u32)')
    assert text.count(TRAP) == 1
    with keeping(engine, text) as subject:
        one = subject.fresh()
        state = one.take()
        before = clean(one, state)
        one.call("set", BIT)
        with pytest.raises(Trapped):
            one.call("trap")
        other = subject.fresh()
        other.put(state)
        assert clean(other, state) == before


TRAP = """(core module $Trap (func (export "trap") unreachable)) (core instance $trap (instantiate $Trap))
  (func (export "trap") (canon lift (core func $trap "trap"))) """


@pytest.mark.parametrize("attack", FRESH.values(), ids=FRESH)
def test_of_what_cannot_be_taken_back_no_state_is_taken(engine: Engine, attack: Attack) -> None:
    with keeping(engine, attack.text) as subject:
        one = subject.fresh()
        with pytest.raises(CannotKeep, match="component: "):
            one.take()
        before = one.call("get")
        one.call("set", BIT)
        assert subject.fresh().call("get") == before
