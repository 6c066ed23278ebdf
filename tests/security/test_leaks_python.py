"""No bit gets across a revert of a Python guest: not by its objects, modules, caches, files, clocks or its allocator.

After every attack the same code looks at all that a program can see of its process, down to the addresses of new
objects: a guest that is in the same state answers the same, to the last digit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority, Preopen
from orchestrator.capability.random import Numbers
from orchestrator.engine import CannotKeep, Engine, Snapshot
from orchestrator.errors import RunError
from tests.security.conftest import COMPONENTS
from tests.support.keeping import Keeping, Kept, keeping

pytestmark = pytest.mark.slow

WARM = """
open('/data/text').read(); print('ready'); print('x', file=sys.stderr)
time.time(); os.urandom(1); random.random(); result = 1
"""
"""What a node does before its state is taken: the guest asks for what it then holds."""
LOOK = """
import builtins, functools, gc, re, warnings
seen = {}
def note(name, make):
    try: seen[name] = make()
    except BaseException as problem: seen[name] = type(problem).__name__ + ': ' + str(problem)
note('builtins', lambda: sorted(vars(builtins)))
note('modules', lambda: sorted(sys.modules))
note('attributes', lambda: {name: sorted(map(str, vars(module))) for name, module in sys.modules.copy().items()})
note('dumps', lambda: json.dumps({'a': [1, 2.5]}))
note('address', lambda: [id(object()), id([]), id({}), id('x' * 100), id(b'y' * 5000), id(bytearray(100_000))])
note('blocks', sys.getallocatedblocks)
note('references', lambda: [sys.getrefcount(one) for one in (None, True, 1, '', (), 'bit', sys, json)])
note('collector', lambda: [gc.isenabled(), gc.get_threshold(), gc.get_count()])
note('recursion', sys.getrecursionlimit)
note('path', lambda: [sys.path, sys.argv, sys.flags, sorted(os.environ.items()), os.getcwd()])
note('interval', lambda: [sys.getswitchinterval(), warnings.filters])
note('patterns', lambda: [sorted(map(str, re._cache)), functools.lru_cache])
note('output', lambda: [str(sys.stdout), sys.stdout.write('x'), sys.stdout.tell() if sys.stdout.seekable() else None])
note('hooks', lambda: [sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__, len(sys.meta_path)])
note('int', lambda: sys.get_int_max_str_digits())
note('loop', lambda: asyncio.get_event_loop_policy().__class__.__name__)
note('hash', lambda: [hash('text'), hash(object()), list({'b', 'a', 'c'})])
note('random', lambda: [random.random(), random.getrandbits(64)])
note('system', lambda: [list(os.urandom(8)), time.time(), time.monotonic(), uuid.uuid4().hex, secrets.token_hex(4)])
note('names', lambda: tempfile._get_candidate_names().__class__.__name__)
note('files', lambda: [sorted(os.listdir('/data')), open('/data/text').read(), os.stat('/data/text').st_ino])
def descriptors():
    found = [os.open('/data/text', os.O_RDONLY) for _ in range(2)]
    for one in reversed(found): os.close(one)
    return found
note('descriptors', descriptors)
result = {name: repr(value) for name, value in seen.items()}
"""

ATTACKS = {
    "a name of the builtins": "import builtins; builtins.bit = 1",
    "a function replaced": "json.dumps.__globals__['bit'] = 1; json.dumps.__defaults__ = (1,)",
    "a module patched": "def more(*a, **k): return 'bit'\njson.encoder.JSONEncoder.encode = more",
    "a module made up": "import types; sys.modules['bit'] = types.ModuleType('bit')",
    "a module taken away": "del sys.modules['json']",
    "a class changed": "json.JSONEncoder.bit = 7",
    "a cache filled": "import re; [re.compile('bit%d' % number) for number in range(50)]",
    "a text interned": "import sys; kept = sys.intern('bit' * 9); sys.bit = kept",
    "a reference to what is there": "sys.bit = [None] * 1000",
    "an environment variable": "os.environ['BIT'] = '1'",
    "a folder gone to": "os.chdir('/data')",
    "a path added": "sys.path.append('/bit')",
    "a limit set": "sys.setrecursionlimit(777)",
    "digits limited": "sys.set_int_max_str_digits(5000)",
    "the collector turned off": "import gc; gc.disable(); gc.set_threshold(5)",
    "the collector delayed": "kept = [[] for _ in range(37)]; sys.kept = kept",
    "the allocator moved": "kept = [bytes(number * 16) for number in range(500)]; del kept[::2]; sys.kept = kept",
    "memory grown": "kept = bytearray(20_000_000); kept[-1] = 1",
    "memory grown and kept": "sys.kept = [bytes(100_000) for _ in range(100)]",
    "numbers drawn": "random.random()",
    "numbers seeded": "random.seed(5)",
    "numbers of the host drawn": "os.urandom(5)",
    "time passed": "time.sleep(5)",
    "a trace function": "sys.settrace(lambda *a: None)",
    "a hook": "sys.excepthook = lambda *a: None",
    "an importer": "class Finder:\n    def find_spec(self, *a): return None\nsys.meta_path.insert(0, Finder())",
    "output put elsewhere": "sys.stdout = io.StringIO()",
    "output not flushed": "sys.stdout.write('half a line')",
    "output": "print('bit' * 1000)",
    "a warning said": "import warnings; warnings.simplefilter('ignore'); warnings.warn('bit')",
    "an exception raised": "1 / 0",
    "an exception kept": "try: 1 / 0\nexcept Exception as problem: sys.kept = problem",
    "an end in deep recursion": "def deep(): return deep()\ndeep()",
    "a generator half way": "sys.kept = (number for number in range(9)); next(sys.kept)",
    "a loop of events": "asyncio.new_event_loop()",
    "a file read": "open('/data/text').read(2)",
    "a file looked at": "os.stat('/data/other')",
    "a listing": "os.listdir('/data'); next(os.scandir('/data'))",
    "a file that is not there": "open('/data/nothing')",
    "a name tempfile made": "tempfile._get_candidate_names(); next(tempfile._get_candidate_names())",
    "an identifier": "uuid.uuid4(); secrets.token_hex(3)",
    "a thread that cannot be": "threading.Thread(target=print).start()",
}
HELD = {
    "a file that is open": "sys.kept = open('/data/text'); sys.kept.read(1)",
    "a descriptor that is open": "sys.kept = os.open('/data/text', os.O_RDONLY)",
    "a descriptor in the place of another": "sys.kept = os.dup(os.open('/data/text', os.O_RDONLY))"
    " if hasattr(os, 'dup') else os.open('/data/other', os.O_RDONLY)",
    "a listing half read": "sys.kept = os.scandir('/data'); next(sys.kept)",
}


@dataclass
class Node:
    """A guest in Python with the state that it is taken back to."""

    kept: Kept
    state: Snapshot

    def run(self, code: str) -> Any:
        """What some code left in `result`, or how it ended."""
        ((_, text),) = self.kept.call("run", code).items()
        try:
            return json.loads(text)
        except ValueError:
            return text

    def look(self) -> Any:
        """All that it sees; something else where it cannot even tell."""
        return self.run(LOOK)


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    folder = tmp_path_factory.mktemp("granted")
    (folder / "text").write_text("text")
    (folder / "other").write_text("other")
    authority = Authority(preopens=(Preopen(str(folder), "/data", writable=False),), random=Numbers("seeded", 3))
    with Engine() as engine:
        component = engine.load(COMPONENTS / "attacker")
        with keeping(engine, component, authority=authority, memory=256 << 20) as made:
            assert made.component.way.name == "instrumented"
            yield made


def node(guests: Keeping) -> Node:
    kept = guests.fresh()
    assert "ok" in kept.call("run", WARM)
    return Node(kept, kept.take())


@pytest.fixture(scope="module")
def one(guests: Keeping) -> Node:
    return node(guests)


@pytest.fixture(scope="module")
def clean(one: Node) -> dict[str, str]:
    """What a guest sees to which nothing was done."""
    found = undone(one, one.look)
    assert isinstance(found, dict), found
    return found


@pytest.fixture(scope="module")
def idle(guests: Keeping, one: Node, clean: dict[str, str]) -> Any:
    """What a guest sees that ran something which does nothing; even that leaves traces while it is not taken back."""
    one.run("pass")
    found = one.look()
    _again(guests, one)
    assert found != clean
    return found


def undone(one: Node, act: Any) -> Any:
    """What an act gives; the guest is as it was after it."""
    found = act()
    one.kept.put(one.state)
    return found


def test_a_guest_that_is_taken_back_sees_the_same_each_time(one: Node, clean: dict[str, str]) -> None:
    assert len(clean) > 15
    assert [value for value in clean.values() if re.match(r"'\w+Error: ", value)] == []
    assert undone(one, one.look) == clean


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_left_in_a_guest_in_python(guests: Keeping, one: Node, clean: dict[str, str], name: str) -> None:
    one.run(ATTACKS[name])
    try:
        one.kept.put(one.state)
        seen = one.look()
    finally:
        _again(guests, one)
    assert seen == clean


def _again(guests: Keeping, one: Node) -> None:
    """The guest is as it was; another one where it cannot be."""
    try:
        one.kept.put(one.state)
    except (CannotKeep, RunError):
        one.kept = guests.fresh()
        one.run(WARM)
        one.state = one.kept.take()


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_an_attack(guests: Keeping, one: Node, idle: dict[str, str], name: str) -> None:
    one.run(ATTACKS[name])
    seen = one.run(LOOK)
    _again(guests, one)
    assert seen != idle


@pytest.mark.parametrize("name", HELD)
def test_a_guest_that_holds_a_file_is_not_taken_back(guests: Keeping, clean: dict[str, str], name: str) -> None:
    fresh = node(guests)
    fresh.run(HELD[name])
    with pytest.raises(CannotKeep):
        fresh.kept.put(fresh.state)
    fresh.kept.instance.close()


def test_a_guest_that_trapped_is_gone_and_a_fresh_one_sees_nothing(guests: Keeping, clean: dict[str, str]) -> None:
    first = node(guests)
    with pytest.raises(RunError):
        first.kept.call("run", "sys.bit = 1; os._exit(3)")
    other = node(guests)
    assert other.look().keys() == clean.keys()
    assert "'bit'" not in other.run("result = dir(sys)")
    first.kept.instance.close()
    other.kept.instance.close()


def test_states_of_a_guest_are_each_what_they_were(guests: Keeping) -> None:
    first = node(guests)
    states = [first.state]
    for number in range(3):
        first.run(f"sys.bit = {number}; sys.kept = [bytes(50_000)] * {number}; random.random()")
        states.append(first.kept.take(states[-1]))
    for place in (3, 1, 2, 0, 3, 0, 2, 1):
        first.kept.put(states[place])
        assert first.run("result = getattr(sys, 'bit', None)") == (None if place == 0 else place - 1)
    first.kept.instance.close()


def test_many_reverts_leave_its_memory_as_large_as_it_was(one: Node, tmp_path: Path) -> None:
    size = one.kept.instance.held
    for _ in range(50):
        undone(one, lambda: one.run("kept = bytearray(5_000_000); result = len(kept)"))
    assert one.kept.instance.held == size
