"""The sandbox for Python, as plain Python: how snippets are compiled and run, values, printed text, errors, tools."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import linecache
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.component_modules import load

module = load("sandbox-python", "session")
toolbox = load("sandbox-python", "toolbox")

Run = Callable[..., Any]


@pytest.fixture
def session() -> Iterator[Any]:
    """A session; what it puts into `sys` is taken out again."""
    kept = {name: getattr(sys, name) for name in ("stdout", "stderr", "stdin")}
    modules = {name: sys.modules[name] for name in ("__main__", "builtins")}
    lines = dict(linecache.cache)
    yield module.Session(toolbox.Toolbox([], None))
    for name, value in kept.items():
        setattr(sys, name, value)
    sys.modules.update(modules)
    linecache.cache.clear()
    linecache.cache.update(lines)


@pytest.fixture
def run(session: Any) -> Run:
    """(source, name=value, …) -> what it comes to, its value out of JSON."""

    def call(source: str, **inputs: Any) -> Any:
        given = [(name, json.dumps(value)) for name, value in inputs.items()]
        return json.loads(session.run(source, given)[0])

    return call


def refused(session: Any, source: str, inputs: list[tuple[str, str]] | None = None) -> Any:
    with pytest.raises(module.Refused) as caught:
        session.run(source, inputs or [])
    return caught.value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("1 + 1", 2),
        ("x = 1\nx + 1", 2),
        ("x = 1", None),
        ("result = 3", 3),
        ("result = 3\nprint(result)", 3),
        ("result = 3\n4", 4),
        ("x = 1; x + 1", 2),
        ("for i in range(3):\n    i", None),
        ("def f():\n    return 1\nf()", 1),
        ("if True:\n    x = 1\nelse:\n    x = 2\nx", 1),
        ("sum(\n    [\n1,\n2,\n    ]\n)", 3),
        ('x = """\n1\n"""\nx', "\n1\n"),
        ('"""\nx = 1\n"""', "\nx = 1\n"),
        ("x = 1 + \\\n1\nx", 2),
        ("x = [1]\nx[0] = 5", None),
        ("[*(1, 2), 3]", [1, 2, 3]),
        ("1, *[2]", [1, 2]),
        ("lambda_ = 1\nlambda_", 1),
        ("(y := 4)", 4),
        ("1 == 1", True),
        ("x = 1\nx == 1  # so it is", True),
        ("x = 1\r\nx\r\n", 1),
        ("x = 1\rx", 1),
        ("\ufeffx = 1\nx", 1),
        ("try:\n    1/0\nexcept ZeroDivisionError:\n    x = 5\nfinally:\n    y = 6\nx + y", 11),
        ("@str\ndef f(): pass\nf[:9]", "<function"),
        ("from __future__ import annotations\ndef f(x: no): pass\nf.__annotations__", {"x": "no"}),
        ("elsewhere = 2\nelsewhere", 2),
        ("x = 1\n\n\n# the end\n\nx\n\n# really", 1),
        ("match = [1]\nmatch", [1]),
        ("type(1).__name__", "int"),
        ("__name__", "__main__"),
    ],
)
def test_the_value_of_a_snippet(run: Run, source: str, value: Any) -> None:
    assert run(source) == value


class Colour(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Where(collections.UserDict[str, int]):
    pass


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
        ({1: "a", 2.5: "b", None: "c"}, {"1": "a", "2.5": "b", "null": "c"}),
        ([{1: "a", False: "b", None: "c"}, {"1": 1, 2: 2}], [{"1": "a", "false": "b", "null": "c"}, {"1": 1, "2": 2}]),
        ((1, (2,)), [1, [2]]),
        (10**30, 10**30),
        ([10**4300 - 1, 1 - 10**4300], [10**4300 - 1, 1 - 10**4300]),
        ([datetime.UTC, datetime.timezone(datetime.timedelta(hours=2))], ["UTC", "UTC+02:00"]),
        ([range(2, 9, 3), range(10**30, 0, -(10**30)), range(0)], [[2, 5, 8], [10**30], []]),
        ([float("nan"), float("inf"), float("-inf")], ["nan", "inf", "-inf"]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset([1]), [1]),
        ([b"ab", bytearray(b"c"), memoryview(b"d")], ["YWI=", "Yw==", "ZA=="]),
        (decimal.Decimal("1.10"), "1.10"),
        (fractions.Fraction(1, 3), "1/3"),
        (datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC), "2026-01-02T03:04:00+00:00"),
        ([datetime.date(2026, 1, 2), datetime.time(3, 4)], ["2026-01-02", "03:04:00"]),
        (datetime.timedelta(hours=1, milliseconds=5), 3600.005),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        ([Colour.RED, Number.ONE], ["red", 1]),
        ({Colour.RED: 1, datetime.date(2026, 1, 2): 2}, {"red": 1, "2026-01-02": 2}),
        (Point(1, Point(2, {3})), {"x": 1, "y": {"x": 2, "y": [3]}}),
        (types.SimpleNamespace(a={1}), {"a": [1]}),
        (1 + 2j, {"real": 1.0, "imag": 2.0}),
        ([range(3), collections.deque([1]), {"a": 1}.keys()], [[0, 1, 2], [1], ["a"]]),
        (array.array("d", [1.5]), [1.5]),
        ([collections.Counter("aab"), collections.OrderedDict(a=1)], [{"a": 2, "b": 1}, {"a": 1}]),
        ([Where(a=1), types.MappingProxyType({"b": 2})], [{"a": 1}, {"b": 2}]),
        ("ä€😀", "ä€😀"),
    ],
)
def test_the_form_of_a_value(value: Any, form: Any) -> None:
    assert json.loads(module.as_json(value)) == form


class Broken:
    def __repr__(self) -> str:
        raise ValueError


LOOP: list[Any] = []
LOOP.append({"a": LOOP})
DEEP: Any = 1
for _ in range(100_000):
    DEEP = [DEEP]
WIDE: Any = 1
for _ in range(60):
    WIDE = [WIDE, WIDE]
NO_FORM = "which has no form in JSON"
TOO_LONG = "a whole number of more than 4300 digits; make it a text"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object, f"the value is a `type`, {NO_FORM}: <class 'object'>"),
        ({"a": [1, len]}, f"the value's `.a[1]` is a `builtin_function_or_method`, {NO_FORM}: <built-in function len>"),
        ({"a b": {"c": Broken()}}, f"the value's `['a b'].c` is a `Broken`, {NO_FORM}: repr() failed"),
        ([iter([1])], "the value's `[0]` is a `list_iterator`, which has no form in JSON; make a list of it"),
        ({(1, 2): 3}, "a key of the value is a `tuple`, (1, 2); make it a text"),
        ({1: {2}, "1": 3}, 'the value has two keys that JSON writes as "1"'),
        ({1: "a", "1": "b"}, 'the value has two keys that JSON writes as "1"'),
        ([{"a": {None: 1, "null": 2}}], 'the value\'s `[0].a` has two keys that JSON writes as "null"'),
        (({True: 1, "true": 2},), 'the value\'s `[0]` has two keys that JSON writes as "true"'),
        ({float("nan"): 1, float("nan"): 2}, 'the value has two keys that JSON writes as "nan"'),
        ({"a": [-(10**4300)]}, f"the value's `.a[0]` is {TOO_LONG}"),
        ({10**4300: 1}, f"a key of the value is {TOO_LONG}"),
        (range(10**20), "the value takes more than 16 MiB as JSON"),
        ([range(3_000_000)], "the value takes more than 16 MiB as JSON"),
        (array.array("b", bytes(6_000_000)), "the value takes more than 16 MiB as JSON"),
        (LOOP, "the value's `[0].a` holds itself"),
        (["\ud800"], "the value's `[0]` is no text of Unicode: it has half of a pair at 0"),
        ("x" * (16 << 20), "the value takes more than 16 MiB as JSON"),
        ("ä" * (9 << 20), "the value takes more than 16 MiB as JSON"),
        (WIDE, "the value takes more than 16 MiB as JSON"),
    ],
)
def test_a_value_without_a_form(value: Any, why: str) -> None:
    with pytest.raises(module.Refused) as caught:
        module.as_json(value)
    assert (caught.value.kind, caught.value.detail) == ("invalid-result", why)


def test_the_digits_of_a_number_have_a_bound_that_no_snippet_moves(session: Any) -> None:
    before = sys.get_int_max_str_digits()
    try:
        for source in ("10**4300", "[10**4300]", "{10**4300: 1}"):
            found = refused(session, f"import sys\nsys.set_int_max_str_digits(0)\n{source}")
            assert (found.kind, found.detail.endswith(TOO_LONG)) == ("invalid-result", True)
        assert session.run("10**4299", [])[0] == str(10**4299)
    finally:
        sys.set_int_max_str_digits(before)


def test_a_value_that_nests_too_deep() -> None:
    with pytest.raises(module.Refused) as caught:
        module.as_json(DEEP)
    assert caught.value.detail == f"the value's `{'[0]' * 200}` nests deeper than 200 levels"
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert module.as_json(deep) == "[" * 200 + "1" + "]" * 200


def test_a_value_whose_own_methods_raise(session: Any) -> None:
    snippet = "class A(dict):\n    def items(self): raise KeyError('no')\nA(a={1})"
    found = refused(session, snippet)
    assert (found.kind, found.detail) == ("invalid-result", "the value cannot be read: KeyError: 'no'")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a b", "1", "`a b` is no name of Python"),
        ("class", "1", "`class` is no name of Python"),
        ("tools", "1", "`tools` is a name that the sandbox itself gives"),
        ("__builtins__", "1", "`__builtins__` is a name that the sandbox itself gives"),
        ("x", "{", "`x` is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("x", "NaN", "`x` is not JSON: NaN is no number of JSON"),
        ("x", "[" * 100_000, "`x` is not JSON: it nests deeper than 200 levels"),
        ("x", "[1" + "0" * 4300 + "]", "`x` cannot be had: it has a whole number of more than 4300 digits"),
        ("x", '["]",' * 201 + "1", "`x` is not JSON: it nests deeper than 200 levels"),
    ],
)
def test_an_input_that_cannot_be_a_variable(session: Any, name: str, text: str, why: str) -> None:
    found = refused(session, "1", [(name, text)])
    assert (found.kind, found.detail) == ("invalid-input", why)


def test_inputs_are_variables(session: Any, run: Run) -> None:
    assert run("sorted(a.items()) + [b]", a={"x": [1]}, b="ä") == [["x", [1]], "ä"]
    assert run("n", n=[{"a": 1}] * 1000) == [{"a": 1}] * 1000
    assert run("n", n="[" * 500) == "[" * 500
    assert refused(session, "1", [("x", "1"), ("x", "2")]).detail == "`x` is given twice"


def test_a_name_stays_for_the_next_snippet(run: Run) -> None:
    run("import math\ndef f(x):\n    return math.floor(x)\nresult = 1")
    assert run("f(2.5)") == 2
    assert run("x = result") is None
    assert run("result = 1") == 1
    assert run("print(result)") is None


def test_what_is_printed(session: Any) -> None:
    found = session.run(
        "import sys\nprint('a', 'ä')\nprint('e', file=sys.stderr)\nsys.stdout.buffer.write(b'b\\xff')", []
    )
    assert found[1:3] == ("a ä\ne\nb\\xff", False)
    assert session.run("print('\\ud800')", [])[1] == "\\ud800\n"
    assert session.run("1", [])[1] == ""


@pytest.mark.parametrize("text", ["a", "ä", "😀"])
def test_what_is_printed_has_a_size(session: Any, text: str) -> None:
    size = len(text.encode())
    _, found, cut, _ = session.run(f"for _ in range(40): print('{text}' * 50_000)\nprint('more')", [])
    assert cut
    assert (1 << 20) - size < len(found.encode()) <= 1 << 20
    assert found.startswith(text * 50_000 + "\n")


RAISED = """
def f(n):
    return 1 / n

f(0)
"""


def test_an_error_comes_with_the_snippets_own_lines(session: Any) -> None:
    found = refused(session, f"print('before')\n{RAISED}")
    assert (found.kind, found.detail, found.printed) == ("raised", "ZeroDivisionError: division by zero", "before\n")
    lines = [line for line in found.traceback.splitlines() if set(line) - set(" ~^")]
    assert lines == [
        "Traceback (most recent call last):",
        '  File "<snippet>", line 6, in <module>',
        "    f(0)",
        '  File "<snippet>", line 4, in f',
        "    return 1 / n",
        "ZeroDivisionError: division by zero",
    ]


def test_an_error_out_of_an_earlier_snippet_shows_its_lines(session: Any) -> None:
    session.run(RAISED.replace("f(0)", ""), [])
    found = refused(session, "f(0)")
    assert '  File "<snippet-2>", line 1, in <module>\n    f(0)\n' in found.traceback
    assert '  File "<snippet>", line 3, in f\n    return 1 / n\n' in found.traceback


def test_lines_of_the_library_are_left_out(session: Any) -> None:
    found = refused(session, "import json\njson.loads('{')")
    assert "json/decoder.py" not in found.traceback
    assert found.traceback.endswith("(char 1)")


@pytest.mark.parametrize(
    ("snippet", "message"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("input()", "EOFError: EOF when reading a line"),
        ("class A(Exception):\n    def __str__(self): 1/0\nraise A", "A: <exception str() failed>"),
        ("class A(Exception): pass\nraise A('b')", "A: b"),
        (
            "import json; raise json.JSONDecodeError('m', 'd', 0)",
            "json.decoder.JSONDecodeError: m: line 1 column 1 (char 0)",
        ),
        ("raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup: g (1 sub-exception)"),
        ("raise ValueError('\\ud800')", "ValueError: \\ud800"),
        ("raise ToolError('a', 'failed', 'b')", "ToolError: a: failed: b"),
    ],
)
def test_whatever_is_raised_is_told(session: Any, snippet: str, message: str) -> None:
    found = refused(session, snippet)
    assert (found.kind, found.detail) == ("raised", message)
    assert message.partition(":")[0] in found.traceback


def test_a_message_has_a_size(session: Any) -> None:
    found = refused(session, "raise ValueError('x' * 1_000_000)")
    for text in (found.detail, found.traceback):
        assert (16 << 10) - 4 <= len(text.encode()) <= 16 << 10
        assert " bytes left out …]" in text


def test_a_chain_of_errors_is_cut(session: Any) -> None:
    snippet = "e = None\nfor n in range(10_000):\n    x = ValueError(n)\n    x.__cause__ = e\n    e = x\nraise e"
    found = refused(session, snippet)
    assert found.detail == "ValueError: 9999"
    assert found.traceback.count("direct cause") == 16


def test_a_policy_that_forbids_a_tool_is_told_as_such(session: Any) -> None:
    found = refused(session, "raise ToolError('search', 'denied', 'max-calls')")
    assert (found.kind, found.detail) == ("denied", "search: denied: max-calls")
    assert (
        refused(session, "try:\n    raise ToolError('s', 'denied', 'm')\nexcept ToolError as e:\n    1/0").kind
        == "raised"
    )


def test_what_is_no_python_is_told_with_its_line(session: Any) -> None:
    found = refused(session, "x = 1\ndef f(:\n    pass\n")
    assert (found.kind, found.detail) == (
        "invalid-source",
        '  File "<snippet>", line 2\n    def f(:\n          ^\nSyntaxError: invalid syntax',
    )
    assert refused(session, "x\0").kind == "invalid-source"
    assert refused(session, "return 1").detail.endswith("SyntaxError: 'return' outside function")
    assert refused(session, "x = 1\n  y").detail.endswith("IndentationError: unexpected indent")


def test_what_is_missing_is_told(session: Any) -> None:
    found = refused(session, "import no_such_thing")
    assert found.detail == "ModuleNotFoundError: No module named 'no_such_thing'"
    assert found.traceback.endswith(
        "ModuleNotFoundError: No module named 'no_such_thing'\n"
        "this sandbox has Python's standard library as far as it does without files, threads and sockets, "
        "and no packages"
    )


@pytest.mark.parametrize(
    "snippet",
    [
        "import builtins\nbuiltins.print = builtins.len = builtins.isinstance = None",
        "import sys\nsys.stdout = sys.stderr = None",
        "del __builtins__",
        "__builtins__ = {}",
        "tools = ToolError = None",
        "import sys\nsys.modules['__main__'] = None",
        "globals().clear()",
    ],
)
def test_what_a_snippet_replaces_does_not_break_the_session(run: Run, snippet: str) -> None:
    run(f"x = 1\n{snippet}")
    assert run("import sys\n[{'a': 1.5}, repr(tools)]") == [{"a": 1.5}, "Tools()"]


def test_the_hosts_own_builtins_stay(run: Run) -> None:
    run("import builtins\nbuiltins.len = None\nbuiltins.added = 1")
    assert len([1]) == 1
    assert not hasattr(sys.modules["json"].__builtins__, "added")


def test_a_source_that_begins_with_a_mark_of_its_order_has_its_lines(session: Any) -> None:
    found = refused(session, "\ufeff1 / 0")
    assert '  File "<snippet>", line 1, in <module>\n    1 / 0\n' in found.traceback


SCHEMA = '{"properties": {"query": {}, "max-bytes": {}}}'


@pytest.fixture
def asked() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def tools(asked: list[tuple[str, Any]]) -> Any:
    def call(name: str, arguments: str) -> str:
        asked.append((name, json.loads(arguments)))
        return '{"found": 1}'

    return toolbox.Toolbox([("read-all", "Reads.", SCHEMA), ("class", "", ""), ("1st", "", "{}")], call)


def test_tools_are_functions(tools: Any, asked: list[tuple[str, Any]]) -> None:
    read = tools.functions.read_all
    assert read(query="a", max_bytes=3) == {"found": 1}
    assert read("a", 3) == read("a", max_bytes=3) == {"found": 1}
    read(query={1, 2}, other=b"ab")
    assert asked == [
        *[("read-all", {"query": "a", "max-bytes": 3})] * 3,
        ("read-all", {"query": [1, 2], "other": "YWI="}),
    ]
    assert read.__doc__ == f"Reads.\n\nArguments as JSON Schema: {SCHEMA}"
    assert tools.calls == 4
    assert sorted(vars(tools.functions)) == ["class_", "read_all", "tool_1st"]


def test_a_tool_that_is_not_there_is_told_with_those_that_are(tools: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        tools.functions.reed_all()
    there = "tools.read_all, tools.class_, tools.tool_1st"
    assert str(caught.value) == f"there is no tool `reed_all`; there is {there}"
    with pytest.raises(AttributeError, match=r"^there is no tool `x`, nor any other$"):
        _ = toolbox.Toolbox([], None).functions.x
    assert not hasattr(tools.functions, "__len__")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('"ValueError: n\\u00f6"', "ValueError: nö"),
        ('{"a": 1}', '{"a": 1}'),
        ('"a', '"a'),
        ("", ""),
        ('"a" b', '"a" b'),
    ],
)
def test_what_is_said_of_a_failure(text: str, detail: str) -> None:
    assert toolbox.detail_of(text) == detail


@pytest.mark.parametrize(
    ("values", "named", "why"),
    [
        ((1, 2, 3), {}, "read_all() takes 2 arguments (query, max_bytes), and 3 were given"),
        ((1,), {"query": 2}, "read_all() got two values for `query`"),
    ],
)
def test_arguments_that_a_tool_does_not_take(tools: Any, values: Any, named: Any, why: str) -> None:
    with pytest.raises(TypeError) as caught:
        tools.functions.read_all(*values, **named)
    assert str(caught.value) == why
    assert tools.calls == 0


def test_an_argument_without_a_form_is_the_tools_error(tools: Any) -> None:
    with pytest.raises(toolbox.ToolError) as caught:
        tools.functions.read_all(query=len)
    assert str(caught.value) == (
        "read-all: invalid-arguments: the value's `.query` is a `builtin_function_or_method`, "
        "which has no form in JSON: <built-in function len>"
    )
    assert caught.value.kind == "invalid-arguments"
