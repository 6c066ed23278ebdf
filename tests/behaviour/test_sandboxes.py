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


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def search(arguments: Any) -> Any:
    if arguments.get("query") == "forbidden":
        return Variant("denied", "max-calls: 1 was made")
    if arguments.get("query") == "broken":
        return Variant("failed", '{"not-found": "x"}')
    return arguments


def made(engine: Engine, language: str) -> Iterator[Sandbox]:
    sandbox = Sandbox(engine, language, {"find-all": search})
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
    "import ssl": "ModuleNotFoundError: No module named 'ssl'",
    "import ctypes": "ModuleNotFoundError: No module named 'ctypes'",
    "import numpy": "ModuleNotFoundError: No module named 'numpy'",
    "(" * 20: "SyntaxError",
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
    "'ä'.encode('cp1252').hex() + 'bücher'.encode('idna').decode()": "e4xn--bcher-kva",
    "import typing, dataclasses\n@dataclasses.dataclass\nclass A:\n    x: typing.Optional[int] = 1\nA()": {"x": 1},
    "import pickle\nclass B:\n    x = 1\npickle.loads(pickle.dumps(B())).x": 1,
    "import inspect\ndef f():\n    return 1\ninspect.getsource(f)": "def f():\n    return 1\n",
    "from functools import lru_cache\n@lru_cache\ndef f(n):\n    return n if n < 2 else f(n-1) + f(n-2)\nf(100)": (
        354224848179261915075
    ),
}


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
    "typeof fetch + typeof crypto + typeof performance": "undefined" * 3,
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
    "'\\ud800'": "the value is no text of Unicode: it has half of a pair",
    "({get a() { throw new Error('no') }})": "the value cannot be read: Error: no",
    "let d = 1; for (let i = 0; i < 100000; i++) d = [d]; d": TOO_DEEP,
    "let d = 1; for (let i = 0; i < 60; i++) d = [d, d]; d": "the value takes more than 16 MiB as JSON",
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
        "invalid-source", "SyntaxError: expected expression, got ';' (<snippet>:2:9)"
    )
    assert javascript.error("await 1").case == "invalid-source"


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
