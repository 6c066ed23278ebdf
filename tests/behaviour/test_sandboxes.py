"""The sandboxes for generated code: what both languages have in common, and what is each one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Engine, Variant
from orchestrator.engine._javascript_builder import missing
from tests.support.sandboxes import Sandbox

pytestmark = pytest.mark.slow

MIB = 1 << 20
LARGE = {"id": 2**60 + 1, "all": [2**53, -(2**53), 2**53 - 1, 1e300, 1.5, "1152921504606846977"]}
"""Numbers of which some are too large for one of JavaScript's."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def search(arguments: Any) -> Any:
    if arguments.get("query") == "forbidden":
        return Variant("denied", "max-calls: 1 was made")
    if arguments.get("query") == "broken":
        return Variant("failed", '{"not-found": "x"}')
    if arguments.get("query") == "raising":
        return Variant("failed", '"ValueError: nö"')
    return arguments


def made(engine: Engine, language: str) -> Iterator[Sandbox]:
    sandbox = Sandbox(engine, language, {"find-all": search, "look_up": search, "give": lambda _: LARGE})
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def its_python(engine: Engine) -> Iterator[Sandbox]:
    yield from made(engine, "python")


@pytest.fixture(scope="module")
def its_javascript(engine: Engine) -> Iterator[Sandbox]:
    if why := missing():
        pytest.skip(f"the sandbox for JavaScript is not tried: {why}")
    yield from made(engine, "javascript")


@pytest.fixture
def python(its_python: Sandbox) -> Sandbox:
    its_python.fresh()
    return its_python


@pytest.fixture
def javascript(its_javascript: Sandbox) -> Sandbox:
    its_javascript.fresh()
    return its_javascript


@pytest.fixture(params=["python", "javascript"])
def either(request: pytest.FixtureRequest) -> Sandbox:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Sandbox)
    return found


def test_a_value_is_json(either: Sandbox) -> None:
    assert either.run("1 + 1") == {"value": "2", "printed": "", "cut": False, "calls": 0}
    assert either.run("") == {"value": "null", "printed": "", "cut": False, "calls": 0}
    assert either.value("[x, y]", x="ä", y={"a": [1]}) == ["ä", {"a": [1]}]


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "sandboxes.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^```(python|javascript) sandbox\n(.*?)^(?:#|//) value: (.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE
)


def test_the_guides_snippets_have_the_values_that_stand_there(python: Sandbox, javascript: Sandbox) -> None:
    sandboxes = {"python": python, "javascript": javascript}
    assert [language for language, *_ in EXAMPLES] == ["python", "javascript"]
    for language, source, value in EXAMPLES:
        assert sandboxes[language].run(source)["value"] == value


def test_result_is_the_value_of_a_snippet_that_ends_with_none(either: Sandbox) -> None:
    assert either.value("result = [1]; print('hi')") == [1]
    assert either.value("print('hi')") is None
    assert either.value("result = 5") == 5


def test_a_large_value_crosses_and_a_larger_one_is_refused(either: Sandbox) -> None:
    size = 16 * MIB - 2
    assert len(either.value("x", x="a" * size)) == size
    assert either.error("x + 'b'", x="a" * size) == Variant(
        "invalid-result", "the value takes more than 16 MiB as JSON"
    )


def test_what_is_printed_is_cut(either: Sandbox) -> None:
    found = either.run("print(x)\nprint('more')", x="a" * (2 * MIB))
    assert (found["cut"], found["printed"]) == (True, "a" * MIB)
    assert either.run("print('ä')") == {"value": "null", "printed": "ä\n", "cut": False, "calls": 0}


@pytest.mark.parametrize(
    ("name", "text"), [("a b", "1"), ("tools", "1"), ("", "1"), ("x", "{"), ("x", ""), ("x", "nan"), ("class", "1")]
)
def test_an_input_that_is_none(either: Sandbox, name: str, text: str) -> None:
    found = either.run_texts("1", [(name, text)])
    assert found.case == "invalid-input"
    assert found.value.startswith(f"`{name}` is ")


def test_an_input_is_given_once(either: Sandbox) -> None:
    assert either.run_texts("1", [("x", "1"), ("x", "2")]) == Variant("invalid-input", "`x` is given twice")


def test_an_input_may_not_nest_too_deep(either: Sandbox) -> None:
    found = either.run_texts("1", [("x", "[" * 1_000_000)])
    assert found.case == "invalid-input"
    assert either.value("1") == 1


def test_tools_are_asked_for_once(either: Sandbox) -> None:
    before = either.listed
    assert either.value("1") + either.value("2") == 3
    assert either.listed == before + 1


def test_a_tool_is_called_in_any_way_that_is_usual(python: Sandbox) -> None:
    assert python.value("tools.find_all(query='a', max_hits=2)") == {"query": "a", "max-hits": 2}
    assert python.value("tools.find_all('a', 2)") == {"query": "a", "max-hits": 2}
    found = python.run("a = tools.find_all('a')\nb = tools.find_all({1})\n[a, b]")
    assert (json.loads(found["value"]), found["calls"]) == ([{"query": "a"}, {"query": [1]}], 2)
    assert python.value("tools.find_all.__doc__").startswith("It is find-all.\n\nArguments as JSON Schema: {")


def test_a_tool_is_called_in_any_way_that_is_usual_in_javascript(javascript: Sandbox) -> None:
    for call in ("{query: 'a', maxHits: 2}", "{query: 'a', max_hits: 2}", "{query: 'a', 'max-hits': 2}", "'a', 2"):
        assert javascript.value(f"tools.findAll({call})") == {"query": "a", "max-hits": 2}
    found = javascript.run("[tools.findAll('a'), tools.findAll(new Set([1])), tools.findAll({other: 1})]")
    assert json.loads(found["value"]) == [{"query": "a"}, {"query": [1]}, {"query": {"other": 1}}]
    assert found["calls"] == 3
    assert javascript.value("[tools.findAll.name, tools.findAll.description]") == ["findAll", "It is find-all."]
    assert javascript.value("Object.keys(tools)") == ["findAll", "give", "look_up"]
    for call in ("find_all", "lookUp", "look_up"):
        assert javascript.value(f"tools.{call}('a')") == {"query": "a"}


def test_a_tool_that_is_not_there_is_told_with_those_that_are(python: Sandbox, javascript: Sandbox) -> None:
    assert python.error("tools.search('a')").value["message"] == (
        "AttributeError: there is no tool `search`; there is tools.find_all, tools.give, tools.look_up"
    )
    assert python.value("hasattr(tools, 'search'), hasattr(tools, 'give')") == [False, True]
    for call in ("tools.search", "tools[x]"):
        found = javascript.error(f"var x = 'look'; {call}('a')").value
        why = f"TypeError: {call} is not a function; there is tools.findAll, tools.give, tools.look_up"
        assert (found["message"], found["traceback"].splitlines()[0]) == (why, why)
    assert javascript.error("var x = {}; x.search()").value["message"] == "TypeError: x.search is not a function"


def test_the_text_that_a_tool_raised_is_plain(python: Sandbox, javascript: Sandbox) -> None:
    said = ["ValueError: nö", "find-all: failed: ValueError: nö"]
    snippet = "try:\n    tools.find_all(q)\nexcept ToolError as e:\n    result = [e.detail, str(e)]"
    assert python.value(snippet, q="raising") == said
    assert javascript.value("try { tools.findAll(q) } catch (e) { [e.detail, e.message] }", q="raising") == said


def test_a_tools_error_can_be_handled_or_ends_the_snippet(python: Sandbox) -> None:
    snippet = "try:\n    tools.find_all(q)\nexcept ToolError as e:\n    result = [e.tool, e.kind, e.detail]"
    assert python.value(snippet, q="forbidden") == ["find-all", "denied", "max-calls: 1 was made"]
    assert python.value(snippet, q="broken") == ["find-all", "failed", '{"not-found": "x"}']
    assert python.error("tools.find_all(q)", q="forbidden") == Variant(
        "denied", "find-all: denied: max-calls: 1 was made"
    )
    found = python.error("tools.find_all(q)", q="broken")
    assert found.value["message"] == 'ToolError: find-all: failed: {"not-found": "x"}'


def test_a_tools_error_can_be_handled_or_ends_the_snippet_in_javascript(javascript: Sandbox) -> None:
    snippet = "try { tools.findAll(q) } catch (e) { if (e instanceof ToolError) result = [e.tool, e.kind, e.detail] }"
    assert javascript.value(snippet, q="forbidden") == ["find-all", "denied", "max-calls: 1 was made"]
    assert javascript.value(snippet, q="broken") == ["find-all", "failed", '{"not-found": "x"}']
    assert javascript.error("tools.findAll(q)", q="forbidden") == Variant(
        "denied", "find-all: denied: max-calls: 1 was made"
    )
    found = javascript.error("tools.findAll(q)", q="broken")
    assert found.value["message"] == 'ToolError: find-all: failed: {"not-found": "x"}'
    assert javascript.error("tools.findAll(1, 2, 3)").value["message"] == (
        "TypeError: findAll takes 2 arguments (query, max-hits), and 3 were given"
    )
    assert javascript.error("tools.findAll(() => 1)").value["message"] == (
        "ToolError: find-all: invalid-arguments: the value's `.query` is a function, which has no form in JSON"
    )


WAITS = "this waits for what nothing will bring about, since there are no other threads"
PYTHON_ERRORS = {
    "import sys\nsys.exit(3)": "SystemExit: 3",
    "import os\nos._exit(3)": "SystemExit: 3",
    "import os\nos.abort()": "SystemExit: aborted",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "def f(n): return f(n + 1)\nf(0)": "RecursionError: maximum recursion depth exceeded",
    "x = []\nwhile True: x.append(bytearray(10_000_000))": "MemoryError",
    "import os\nos.listdir('/')": "FileNotFoundError",
    "import asyncio\nasync def f(): await asyncio.Event().wait()\nasyncio.run(f())": (
        "RuntimeError: the event loop waits for what nothing will bring about"
    ),
    "import socket\nsocket.create_connection(('127.0.0.1', 80))": "Error",
    "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')": "URLError",
    "open('/x', 'w')": "FileNotFoundError",
    "import threading\nthreading.Thread(target=print).start()": "RuntimeError: can't start new thread",
    "import subprocess\nsubprocess.run(['ls'])": "OSError",
    "import os\nos.popen('ls')": "OSError",
    "import socket\nsocket.socket()": "PermissionError",
    "import multiprocessing\nmultiprocessing.Process(target=print).start()": "ModuleNotFoundError",
    "import multiprocessing\nmultiprocessing.Queue()": "ModuleNotFoundError",
    "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor()": "NotImplementedError",
    "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(print)": "RuntimeError",
    "import zoneinfo\nzoneinfo.ZoneInfo('Europe/Berlin')": "ZoneInfoNotFoundError",
    "import numpy": "ModuleNotFoundError: No module named 'numpy'",
    "(" * 20: "SyntaxError",
    "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()": f"RuntimeError: {WAITS}",
    "import threading\nthreading.Event().wait()": f"RuntimeError: {WAITS}",
    "import threading\nthreading.Barrier(2).wait()": f"RuntimeError: {WAITS}",
    "import queue\nqueue.Queue().get()": f"RuntimeError: {WAITS}",
    "import queue\nqueue.Queue().get(timeout=60)": "Empty",
    "import queue\nqueue.SimpleQueue().get()": f"RuntimeError: {WAITS}",
    "from concurrent.futures import Future\nFuture().result()": f"RuntimeError: {WAITS}",
}


@pytest.mark.parametrize("source", PYTHON_ERRORS)
def test_what_goes_wrong_in_python_is_an_error_and_no_trap(python: Sandbox, source: str) -> None:
    found = python.error(source)
    said = found.value if found.case == "invalid-source" else found.value["message"]
    assert PYTHON_ERRORS[source] in said
    assert python.value("1 + 1") == 2


THROUGH_C = {
    "a cached function": "from functools import cache\n@cache\ndef f(n): return f(n - 1) + 1 if n else 0",
    "a map": "def f(n): return sum(map(f, [n - 1])) + 1 if n else 0",
    "a sort's key": "def f(n): return sorted([1], key=lambda _: f(n - 1))[0] if n else 0",
    "a reduction": "from functools import reduce\ndef f(n): return reduce(lambda a, b: f(n - 1), [1, 2]) if n else 0",
    "an attribute": "class A:\n    x = 0\n    def __getattr__(self, name): return getattr(self, name[1:])\n"
    "def f(n): return getattr(A(), 'x' * n)",
    "an operator": "class A:\n    def __init__(self, n): self.n = n\n    def __neg__(self): return -A(self.n - 1) "
    "if self.n else 0\ndef f(n): return -A(n)",
    "a form": "class A:\n    def __init__(self, n): self.n = n\n    def __repr__(self): return repr(A(self.n - 1)) "
    "if self.n else ''\ndef f(n): return repr(A(n))",
}
"""By what leads through the interpreter's own code a function that nests so deep."""


@pytest.mark.parametrize("source", THROUGH_C.values(), ids=THROUGH_C)
def test_a_recursion_through_c_nests_as_deep_as_the_language_lets_it(python: Sandbox, source: str) -> None:
    assert python.value(f"{source}\nf(450), 1")[1] == 1


def test_one_through_c_that_does_not_end_is_an_error_of_the_language(python: Sandbox) -> None:
    found = python.error(f"{THROUGH_C['a map']}\nf(100_000)")
    assert found.value["message"] == "RecursionError: maximum recursion depth exceeded"


LIBRARY = """
abc argparse array ast asyncio base64 binascii bisect calendar cmath codecs collections collections.abc colorsys
concurrent.futures configparser contextlib contextvars copy csv dataclasses datetime decimal difflib dis email.message
enum fnmatch fractions functools gettext glob graphlib gzip hashlib heapq hmac html html.entities html.parser http
importlib.metadata inspect io ipaddress itertools json keyword linecache locale logging logging.handlers math mimetypes
numbers operator os os.path pathlib pickle pkgutil platform plistlib pprint queue quopri random re reprlib sched secrets
shelve shlex shutil signal sqlite3 stat statistics string struct sys tarfile tempfile textwrap threading time timeit
token tokenize tomllib traceback types typing unicodedata unittest unittest.mock urllib.parse urllib.request uuid
warnings weakref xml.dom.minidom xml.etree.ElementTree xml.sax zipfile zlib zoneinfo encodings.idna encodings.cp1252
"""

USES = {
    "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('select 1 + 1').fetchall()": [[2]],
    "import zlib\nlen(zlib.decompress(zlib.compress(b'a' * 1000)))": 1000,
    "import datetime\nstr(datetime.datetime.strptime('2026-01-02', '%Y-%m-%d'))": "2026-01-02 00:00:00",
    "import decimal\ndecimal.Decimal(1) / 3": "0." + "3" * 28,
    "import statistics\nstatistics.stdev([1, 2, 3])": 1.0,
    "import xml.etree.ElementTree as e\ne.fromstring('<a><b>c</b></a>').findtext('b')": "c",
    "import hashlib\nhashlib.sha256(b'').hexdigest()[:8]": "e3b0c442",
    "import re\nre.findall(r'\\d+', 'a1b22')": ["1", "22"],
    "import csv, io\nlist(csv.reader(io.StringIO('a,b')))": [["a", "b"]],
    "import asyncio\nasync def f(n):\n    await asyncio.sleep(n)\n    return n\n"
    "async def g():\n    return await asyncio.gather(f(2), f(1), asyncio.wait_for(f(0), 1))\nasyncio.run(g())": [
        2,
        1,
        0,
    ],
    "import pydoc\npydoc.render_doc(int).splitlines()[0]": "Python Library Documentation: class int in module builtins",
    "import multiprocessing\nmultiprocessing.cpu_count()": 1,
    "import time, os\na = time.process_time_ns(), time.process_time(), os.times().user\ntime.sleep(1.5)\n"
    "[a, time.process_time_ns(), time.process_time(), os.times().user]": [[0, 0.0, 0.0], 1_500_000_000, 1.5, 1.5],
    "import threading, time\nlock = threading.Lock()\nwith lock: found = lock.acquire(timeout=2), lock.acquire(False)\n"
    "found, lock.locked(), time.monotonic()": [[False, False], False, 2.0],
    "import queue\nq = queue.Queue()\nq.put(1)\nq.get(), q.empty()": [1, True],
    "import threading\nc = threading.Condition()\nwith c: found = c.wait(1)\nfound, threading.Semaphore(1).acquire()": [
        False,
        True,
    ],
    "'ä'.encode('cp1252').hex() + 'bücher'.encode('idna').decode()": "e4xn--bcher-kva",
    "import typing, dataclasses\n@dataclasses.dataclass\nclass A:\n    x: typing.Optional[int] = 1\nA()": {"x": 1},
    "import pickle\nclass B:\n    x = 1\npickle.loads(pickle.dumps(B())).x": 1,
    "import inspect\ndef f():\n    return 1\ninspect.getsource(f)": "def f():\n    return 1\n",
    "from functools import lru_cache\n@lru_cache\ndef f(n):\n    return n if n < 2 else f(n-1) + f(n-2)\nf(100)": (
        354224848179261915075
    ),
}


def listed(heading: str) -> list[list[str]]:
    """The rows of the table that stands under a heading of the guide."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_what_the_guide_says_is_not_in_python_is_not(python: Sandbox) -> None:
    row = next(first for first, then in listed("What Python has") if then == "`ModuleNotFoundError`" and "ssl" in first)
    names = re.findall(r"`([\w.]+)`", row)
    assert len(names) > 8
    for name in names:
        found = python.error(f"import {name}")
        assert found.value["message"] == f"ModuleNotFoundError: No module named '{name}'"


def test_what_the_guide_says_is_in_python_is(python: Sandbox) -> None:
    section = PAGE.partition("\n## What Python has\n")[2].partition("\n| ")[0]
    names = [name for name in re.findall(r"`([\w.]+)`", section) if name not in ("import", "asyncio.run")]
    assert len(names) > 40
    found = python.run(f"import importlib\nfor name in {names!r}: importlib.import_module(name)")
    assert isinstance(found, dict), found


def test_what_the_guide_says_is_not_in_javascript_is_not(javascript: Sandbox) -> None:
    rows = [first for first, then in listed("What JavaScript has") if then.startswith("are not there")]
    names = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    assert {"fetch", "Intl"} < set(names)
    for name in names:
        assert javascript.value(f"typeof {name.replace('String.prototype', '``')}") == "undefined", name


def test_the_library_of_python_is_there(python: Sandbox) -> None:
    found = python.run(f"import importlib\nfor name in {LIBRARY.split()!r}: importlib.import_module(name)")
    assert isinstance(found, dict), found


@pytest.mark.parametrize("source", USES)
def test_the_library_of_python_works(python: Sandbox, source: str) -> None:
    assert python.value(source) == USES[source]


def test_names_of_python_stay_until_the_instance_is_another(python: Sandbox) -> None:
    python.run("import builtins\nx = 1\nbuiltins.print = None")
    assert python.value("x") == 1
    assert python.error("print(1)").value["message"] == "TypeError: 'NoneType' object is not callable"
    python.fresh()
    assert python.error("x").value["message"] == "NameError: name 'x' is not defined"
    assert python.run("print(1)")["printed"] == "1\n"


def test_a_python_that_breaks_its_own_sandbox_gets_an_error(python: Sandbox) -> None:
    python.run("import sys\nfor name in ('session', 'values', 'source'): vars(sys.modules[name]).clear()")
    found = python.error("1")
    assert found.value["message"].startswith("the session is broken: NameError")
    python.fresh()
    assert python.value("1") == 1


def test_a_recursion_of_the_engine_ends_no_more_than_the_snippet(python: Sandbox) -> None:
    deep = "x = []\nfor _ in range(1000): x = [x]\n"
    assert python.error(f"{deep}x").case == "invalid-result"
    assert python.error("import json\njson.loads('[' * 900 + 'x')").value["message"].startswith("json.decoder.JSOND")


JAVASCRIPT_VALUES = {
    "let x = 1;\nx + 1": 2,
    "[undefined, NaN, Infinity, -Infinity, -0]": [None, "nan", "inf", "-inf", 0],
    "10n ** 30n": 10**30,
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "new Date(NaN)": None,
    "new Map([['a', 1], [2, new Set([1, 'b'])]])": {"a": 1, "2": [1, "b"]},
    "[new Uint8Array([1, 2, 3]), new ArrayBuffer(1), new Float64Array([1.5])]": ["AQID", "AA==", [1.5]],
    "({a: undefined, b: 1, [Symbol('s')]: 2})": {"b": 1},
    "class P { constructor() { this.x = 1 } get y() { return 2 } }; new P()": {"x": 1},
    "({toJSON() { return [1] }})": [1],
    "new TypeError('bad')": {"name": "TypeError", "message": "bad"},
    "[/a+/g, new URL('http://x/y'), Object('s'), Object(1)]": ["/a+/g", "http://x/y", "s", 1],
    "Object.create(null)": {},
    "(async () => { await null; return 5 })()": 5,
    "new Promise(resolve => setTimeout(() => resolve('late'), 60_000))": "late",
    "const result = {a: 1}; console.log('x')": {"a": 1},
    "if (true) { 7 }": 7,
    "const f = n => n * 2\nf(2)": 4,
    "`a${1}` // the end": "a1",
    "'use strict'; 5": 5,
    "var setTimeout = 5; setTimeout": 5,
    "[2 ** 60, 2 ** 53, -(2 ** 60), 1e21, 2 ** 53 - 1]": [2**60, 2**53, -(2**60), 1e21, 2**53 - 1],
    "-(10n ** 4300n) + 1n": -(10**4300) + 1,
    "[[-0, 1.5, -3], [1, NaN], [2 ** 53, 1], [1,, 2], []]": [[0, 1.5, -3], [1, "nan"], [2**53, 1], [1, None, 2], []],
    "[{a: 'x', 'a b': 1}, {a: 'y', 'a b': 2}, {a: 'a'}]": [{"a": "x", "a b": 1}, {"a": "y", "a b": 2}, {"a": "a"}],
    "new Map([['b', 1], [1, 2], ['__proto__', 3]])": {"b": 1, "1": 2, "__proto__": 3},
    "[Object(1n), {toJSON() { return Object(true) }}]": [1, True],
    "const one = {a: 1}; [one, [one], one]": [{"a": 1}, [{"a": 1}], {"a": 1}],
    "JSON.stringify({a: [2n ** 60n]})": '{"a":[1152921504606846976]}',
    "const s = AbortSignal.timeout(5);\n"
    "new Promise(resolve => setTimeout(() => resolve([s.aborted, s.reason.name]), 6))": [True, "TimeoutError"],
}


@pytest.mark.parametrize("source", JAVASCRIPT_VALUES)
def test_the_value_of_javascript(javascript: Sandbox, source: str) -> None:
    assert javascript.value(source) == JAVASCRIPT_VALUES[source]


NO_FORM = "which has no form in JSON"
TOO_DEEP = f"the value's `{'[0]' * 200}` nests deeper than 200 levels"
JAVASCRIPT_UNFIT = {
    "() => 1": f"the value is a function, {NO_FORM}",
    "({a: [Symbol('x')]})": f"the value's `.a[0]` is a symbol, {NO_FORM}",
    "const o = {'a b': {}}; o['a b'].o = o; o": 'the value\'s `["a b"].o` holds itself',
    "[new Promise(() => {})]": f"the value's `[0]` is a Promise, {NO_FORM}",
    "[new WeakMap()]": f"the value's `[0]` is a WeakMap, {NO_FORM}",
    "[1][Symbol.iterator]()": "the value is an iterator; make an array of it",
    "new Map([[{}, 1]])": "a key of the value is an Object; make it a text",
    "new Map([[1, 1], ['1', 2]])": 'the value has two keys that JSON writes as "1"',
    "10n ** 4300n": "the value is a whole number of more than 4300 digits; make it a text",
    "[-(10n ** 5000n)]": "the value's `[0]` is a whole number of more than 4300 digits; make it a text",
    "new Map([[10n ** 4300n, 1]])": "a key of the value is a whole number of more than 4300 digits; make it a text",
    "'\\ud800'": "the value is no text of Unicode: it has half of a pair",
    "({get a() { throw new Error('no') }})": "the value cannot be read: Error: no",
    "let d = 1; for (let i = 0; i < 100000; i++) d = [d]; d": TOO_DEEP,
    "({toJSON() { return this }})": "the value holds itself",
    "[{toJSON() { return {a: [0, () => 1]} }}]": f"the value's `[0].a[1]` is a function, {NO_FORM}",
    "const n = Object(1); n.valueOf = () => n; [n]": "the value's `[0]` holds itself",
    "[{a: [1, {b: 1}]}, {'\\udc00': 1}]": "the value's `[1]` is no text of Unicode: it has half of a pair",
    "new Map([['a', new Map([['b', Symbol()]])]])": f"the value's `.a.b` is a symbol, {NO_FORM}",
    "Array(6_000_000)": "the value takes more than 16 MiB as JSON",
    "Array(3_000_000).fill(12345)": "the value takes more than 16 MiB as JSON",
    "let d = 'x'.repeat(1000); for (let i = 0; i < 60; i++) d = [d, d]; d": "the value takes more than 16 MiB as JSON",
}


@pytest.mark.parametrize("source", JAVASCRIPT_UNFIT)
def test_a_value_of_javascript_without_a_form(javascript: Sandbox, source: str) -> None:
    assert javascript.error(source) == Variant("invalid-result", JAVASCRIPT_UNFIT[source])


JAVASCRIPT_ERRORS = {
    "null.x": ('TypeError: can\'t access property "x" of null', "\n    at <snippet>:1:1"),
    "function f() {\n  throw new RangeError('bad')\n}\nf()": (
        "RangeError: bad",
        "\n    at f (<snippet>:2:9)\n    at <snippet>:4:1",
    ),
    "JSON.parse('{')": (
        "SyntaxError: JSON.parse: end of data while reading object contents at line 1 column 2 of the JSON data",
        "\n    at <snippet>:1:6",
    ),
    "throw 'x'": ("thrown: x", ""),
    "throw {a: 1}": ('thrown: {"a":1}', ""),
    "throw null": ("thrown: null", ""),
    "throw new Error('a', {cause: new Error('b')})": (
        "Error: a",
        "\n    at <snippet>:1:7\n[cause]: Error: b\n    at <snippet>:1:30",
    ),
    "Promise.reject(new Error('no'))": ("Error: no", "\n    at <snippet>:1:16"),
    "setTimeout(() => { throw new Error('late') }); 1": ("Error: late", "\n    at <snippet>:1:26"),
    "new Promise(() => {})": ("Error: the promise that is the value is never settled", ""),
    "Promise.reject(undefined)": ("thrown: undefined", ""),
    "throw {get message() { throw 1 }, toString() { throw 2 }, toJSON() { throw 3 }}": (
        "an error that cannot be read",
        "",
    ),
    "class E extends Error { get message() { throw 1 } }; throw new E()": ("an error that cannot be read", None),
    "fetch('http://x')": ("ReferenceError: fetch is not defined", "\n    at <snippet>:1:1"),
    "new Array(300_000_000).fill(1)": ("thrown: out of memory", ""),
}


@pytest.mark.parametrize("source", JAVASCRIPT_ERRORS)
def test_what_goes_wrong_in_javascript_is_an_error_and_no_trap(javascript: Sandbox, source: str) -> None:
    found = javascript.error(source)
    message, frames = JAVASCRIPT_ERRORS[source]
    assert found.value["message"] == message
    assert frames is None or found.value["traceback"] == message + frames
    assert javascript.value("1 + 1") == 2


def test_a_recursion_without_end_in_javascript(javascript: Sandbox) -> None:
    found = javascript.error("function f(n) { return f(n + 1) + 1 }\nf(0)").value
    assert found["message"] == "InternalError: too much recursion"
    assert found["traceback"].count("\n    at f (<snippet>:1:24)") == 20
    assert javascript.error("[1].map(function f(x) { return [x].map(f) })").value["message"] == found["message"]


def test_what_is_no_javascript_is_told_with_its_line(javascript: Sandbox) -> None:
    assert javascript.error("let a = 1;\nlet b = ;") == Variant(
        "invalid-source", "    let b = ;\n            ^\nSyntaxError: expected expression, got ';' (<snippet>:2:9)"
    )
    assert javascript.error("await 1").case == "invalid-source"
    long = javascript.error(f"\t{'x' * 200} =; {'y' * 200}").value.splitlines()
    assert long[:2] == [f"    {'x' * 58} =; {'y' * 58}", f"    {' ' * 60}^"]
    assert long[2].endswith("(<snippet-3>:1:204)")


BROKEN_OFF = {
    "x =": "1:4",
    "foo(": "1:5",
    "if (": "1:5",
    "1 +\n  // more\n\n": "2:10",
    "/* c": "1:5",
    "`a ${ b": "1:8",
    "let x = 1;\r\nx =": "2:4",
    "let x = 1; if (x)": "1:18",
    "let x = new": "1:12",
    "const x = 1; label:": "1:20",
    "class A {": "1:10",
}
"""Snippets without their end, and where that is missing."""


@pytest.mark.parametrize("source", BROKEN_OFF)
def test_a_javascript_that_breaks_off_does_so_at_its_own_end(javascript: Sandbox, source: str) -> None:
    found = javascript.error(source)
    assert found.case == "invalid-source"
    *shown, mark, said = found.value.splitlines()
    assert said.endswith(f" (<snippet>:{BROKEN_OFF[source]})")
    assert shown == [f"    {source.rstrip().splitlines()[-1]}"]
    assert mark.index("^") == len(shown[0])


def test_what_a_javascript_throws_is_no_invalid_source(javascript: Sandbox) -> None:
    for source in (
        "let x; JSON.parse('{')",
        "let x; eval('x =')",
        "const e = new SyntaxError('m'); e.stack = ''; throw e",
    ):
        assert javascript.error(source).case == "raised"
    assert javascript.value("let __namesOfTheSnippet = 5; __namesOfTheSnippet") == 5


IMPORTS = ["import('x')", "eval(\"import('x')\")", "new Function(\"return import('x')\")()"]


@pytest.mark.parametrize("source", IMPORTS)
def test_an_import_in_javascript_is_a_promise_that_is_rejected(javascript: Sandbox, source: str) -> None:
    said = 'ReferenceError: Error loading module "x" (resolved path "x"): No such file or directory'
    assert javascript.value(f"{source}.catch(String)") == said
    found = javascript.error(f"(async () => await {source})()").value
    assert found["message"] == said
    assert found["traceback"].splitlines()[-1] == (
        "this sandbox has JavaScript's own library, and no modules that could be imported"
    )
    assert javascript.error("import x from 'y'").case == "invalid-source"
    assert javascript.value("/import('x')/.test(`import('x')`) + '// import(1)'") == "false// import(1)"


def test_a_number_that_javascript_has_no_room_for_is_a_bigint(javascript: Sandbox) -> None:
    assert javascript.value("tools.give()") == LARGE
    assert javascript.value("x", x=LARGE) == LARGE
    assert javascript.value("x.all.map(n => typeof n)", x=LARGE) == ["bigint", "bigint", "number", "number"] + [
        "number",
        "string",
    ]
    assert javascript.value("[typeof x, x + 1n]", x=2**53) == ["bigint", 2**53 + 1]
    assert javascript.value("x", x=-(10**4300) + 1) == -(10**4300) + 1
    assert javascript.value("tools.findAll(x + 1n)", x=10**30) == {"query": 10**30 + 1}
    assert javascript.run_texts("1", [("x", "[1" + "0" * 4300 + "]")]) == Variant(
        "invalid-input", "`x` cannot be had: it has a whole number of more than 4300 digits"
    )


def test_nothing_of_the_machine_that_built_it_is_in_javascript(javascript: Sandbox) -> None:
    stack = javascript.value("new Error('x').stack")
    assert "/home" not in stack
    assert "build" not in stack


def test_what_javascript_prints(javascript: Sandbox) -> None:
    printed = javascript.run(
        "console.log('a', 1, [1, 'b', {c: [{}]}], new Map([['k', 1]]), new Set([2]), null, undefined);\n"
        "console.log(() => 1, class A {});\n"
        "console.error('%s is %d%%', 'it', 5, {a: 1n});\n"
        "console.group('g'); print('in', Symbol('s')); console.groupEnd();\n"
        "print({a: {b: {c: {d: 1}}}}, [[[[1]]]], -0, 'x\\ny', [\"it's\"]);\n"
        "const o = {}; o.o = o; print(o, new Date(0), /r/g);\n"
        "print('\\ud800')"
    )["printed"]
    assert printed == (
        "a 1 [ 1, 'b', { c: [ {} ] } ] Map(1) { 'k' => 1 } Set(1) { 2 } null undefined\n"
        "[Function (anonymous)] [class A]\n"
        "it is 5% { a: 1n }\n"
        "g\n  in Symbol(s)\n"
        '{ a: { b: { c: [Object] } } } [ [ [ [Array] ] ] ] -0 x\ny [ "it\'s" ]\n'
        "{ o: [Circular] } 1970-01-01T00:00:00.000Z /r/g\n"
        "\ufffd\n"
    )


def test_timers_of_javascript_take_no_time(javascript: Sandbox) -> None:
    found = javascript.run(
        "let n = 0;\n"
        "const id = setInterval(() => { print('tick', ++n); if (n == 3) clearInterval(id) }, 1000);\n"
        "setTimeout(print, 2500, 'between'); setTimeout(print, 0, 'first');\n"
        "clearTimeout(setTimeout(print, 1, 'never'));\n"
        "new Promise(resolve => setTimeout(resolve, 10_000, n))"
    )
    assert found["printed"] == "first\ntick 1\ntick 2\nbetween\ntick 3\n"
    assert found["value"] == "0"


def test_an_interval_that_is_never_cleared_ends_with_the_snippet(javascript: Sandbox) -> None:
    assert javascript.run("setInterval(print, 1, 'x'); 5")["value"] == "5"
    assert javascript.run("6")["printed"] == ""


def test_names_of_javascript_stay_until_the_instance_is_another(javascript: Sandbox) -> None:
    javascript.run(
        "let n = 0; const { a, b: [c] } = {a: 1, b: [2]}; class K { m() { return 3 } }\n"
        "function inc() { n++ }\nvar v = 4;"
    )
    assert javascript.value("inc(); inc(); [n, a, c, new K().m(), v]") == [2, 1, 2, 3, 4]
    assert javascript.value("n = 10; inc(); n") == 11
    assert javascript.error("a = 2").value["message"] == "TypeError: invalid assignment to const 'a'"
    assert javascript.value("const n = 'again'; n") == "again"
    assert javascript.value("n") == "again"
    assert javascript.value("{ let JSON = 1 }; (() => { let inner = 1 })(); typeof inner + typeof JSON") == (
        "undefinedobject"
    )
    assert javascript.value("typeof inner + typeof JSON") == "undefinedobject"
    assert javascript.error("let kept = 5; null.x").case == "raised"
    assert javascript.value("kept") == 5
    assert javascript.error("let not = 1; kept =").case == "invalid-source"
    assert javascript.value("[typeof not, kept]") == ["undefined", 5]
    javascript.fresh()
    assert javascript.error("n").value["message"] == "ReferenceError: n is not defined"


def test_an_error_out_of_an_earlier_snippet_is_told_by_its_number(javascript: Sandbox) -> None:
    javascript.run("function f() { null.x }")
    assert javascript.error("f()").value["traceback"] == (
        'TypeError: can\'t access property "x" of null\n    at f (<snippet>:1:16)\n    at <snippet-2>:1:1'
    )


@pytest.mark.parametrize(
    "snippet",
    [
        "print = console = tools = ToolError = setTimeout = null",
        "JSON.stringify = JSON.parse = null",
        "Object.keys = Object.defineProperty = null",
        "delete globalThis.eval; delete globalThis.console",
        "globalThis.eval = () => 1",
    ],
)
def test_what_a_snippet_replaces_does_not_break_javascripts_session(javascript: Sandbox, snippet: str) -> None:
    javascript.run(snippet)
    found = javascript.run("print('a'); [{a: x}, 'b']", x=1)
    assert (found["value"], found["printed"]) == ('[{"a": 1}, "b"]', "a\n")


def test_a_javascript_that_breaks_its_own_sandbox_gets_an_error(javascript: Sandbox) -> None:
    javascript.run("Array.prototype[Symbol.iterator] = Array.prototype.join = null")
    found = javascript.run("[1, 2]")
    assert isinstance(found, dict | Variant)
    javascript.fresh()
    assert javascript.value("[1, 2]") == [1, 2]


def test_javascript_asks_the_host_for_its_tools_alone(its_javascript: Sandbox) -> None:
    assert its_javascript.imports == ["agent:core/tools@0.1.0"]
