"""What would end the process, tried in another one: memory read beyond its end, C values leaked or freed twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(program: str) -> str:
    """What a program prints; one that crashes says where on standard error, and fails the test."""
    command = [sys.executable, "-X", "faulthandler", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


BETWEEN_GUARDS = """
import ctypes, random, struct
from orchestrator.engine._arena import Arena
from orchestrator.engine._block_sizes import extra
from orchestrator.engine._layouts import layout_of
from orchestrator.engine._load import loader
from orchestrator.errors import Trapped
from orchestrator.interface import parse_type
from orchestrator.interface.allowance import Allowance
from orchestrator.interface.types import Field, Function

ALL = Allowance(1 << 60)
PAGE = 4096
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
start = libc.mmap(None, 3 * PAGE, 0, 0x22, -1, 0)
assert libc.mprotect(start + PAGE, PAGE, 3) == 0
memory = Arena(start + PAGE, PAGE).memory

texts = [
    "string", "list<u8>", "list<string>", "list<list<u64>>", "list<char>", "list<bool>", "list<f32>",
    "list<tuple<u8, string>>", "option<list<option<string>>>", "result<list<u16>, string>",
    "list<record { a: u8, b: option<string>, c: list<list<u8>> }>",
    "list<variant { a, b(string), c(list<u32>), d(u64) }>", "list<enum { a, b }>",
    "list<flags { a, b, c }>", "tuple<string, list<string>, list<tuple<u64, list<string>>>>",
]
types = [parse_type(text) for text in texts]
functions = [layout_of(Function("f", (Field("x", type_),), type_)) for type_ in types]
noise = random.Random(7)
trapped = read = 0
for _ in range(2000):
    edges = [0, 1, 2, 3, 4, 8, 16, PAGE - 8, PAGE - 4, PAGE - 1, PAGE, PAGE + 1, 2**32 - 1, 2**32 - PAGE, 2**31]
    memory[:] = struct.pack("<1024I", *[noise.choice(edges + [noise.randrange(PAGE)] * 12) for _ in range(1024)])
    at = noise.choice([0, 8, 16, PAGE - 8, PAGE - 1, PAGE, noise.randrange(PAGE), noise.choice(edges)])
    numbers = [noise.choice(edges) for _ in range(16)]
    for type_, function in zip(types, functions):
        for act in (
            lambda: loader(type_, False)(memory, at, ALL),
            lambda: loader(type_, True)(memory, at, ALL),
            lambda: extra(type_)(memory, at, ALL),
            lambda: function.lift(numbers, memory, ALL),
            lambda: function.load_result_arrays(at, memory, ALL),
            lambda: function.request_size(numbers, memory, ALL),
            lambda: function.response_size(at, memory, ALL),
        ):
            try:
                act()
                read += 1
            except Trapped:
                trapped += 1
print(read > 1000, trapped > 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it maps its memory as Linux does")
def test_nothing_outside_of_the_memory_is_read_whatever_stands_in_it() -> None:
    assert _run(BETWEEN_GUARDS) == "True True\n"


LOWERING = """
import ctypes
from array import array
from pathlib import Path
from orchestrator.engine import _native as c
from orchestrator.engine._resources import without_handles
from orchestrator.engine._values import lifter, lowerer
from orchestrator.errors import ValueMismatch
from orchestrator.interface import parse_type
from orchestrator.interface.values import Variant

class Dead:
    def lower(self, handle, resource, owned):
        raise ValueMismatch("", "a live handle", "one that is not")

INNER = (
    "tuple<string, list<string>, flags { one-of-them, another }, variant { some-case(string), other-case }, "
    "option<string>, result<string, list<u16>>, record { field-one: string, field-two: list<tuple<string, u8>> }, "
    "enum { case-one, case-two }, list<u8>, list<f64>>"
)
value = (
    "a text of some length", ["a", "list of", "texts"], frozenset({"another", "one-of-them"}),
    Variant("some-case", "x"), "maybe", {"err": [1, 2, 3]}, {"field-one": "y" * 40, "field-two": [("z", 1), ("w", 2)]},
    "case-two", b"bytes",
    memoryview(array("d", [0.5, 1.5])),
)
plain, failing = parse_type(INNER), parse_type(
    f"record {{ first: list<{INNER}>, then: variant {{ holds(tuple<{INNER}, list<tuple<string, own<r>>>>) }} }}"
)
everything = without_handles(lambda: None)
lower, lift, fail = lowerer(plain), lifter(plain), lowerer(failing)
doomed = {"first": [value], "then": Variant("holds", (value, [("text", object())]))}

def succeed():
    made = ctypes.create_string_buffer(lower(value, None), c.VALUE)
    found = lift(ctypes.addressof(made), everything)
    c.value_delete(ctypes.addressof(made))
    return found

def fails():
    try:
        fail(doomed, Dead())
    except ValueMismatch:
        return True

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert succeed()[:-1] == value[:-1] and fails()
for act in (succeed, fails):
    for _ in range(5_000):
        act()
    before = resident()
    for _ in range(100_000):
        act()
    # One block of the C heap, leaked at each call, would be three million bytes.
    print(resident() - before < 1_000_000)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads the resident size as Linux gives it")
def test_lowering_leaves_nothing_behind_whether_it_ends_well_or_not() -> None:
    assert _run(LOWERING) == "True\nTrue\n"
