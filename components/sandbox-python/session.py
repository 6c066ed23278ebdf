"""Runs snippets one after another, of which each finds what the ones before it defined.

A snippet may replace whatever it reaches, of this component too, and so break the session for the next one; only a
revert or a fresh instance is a clean state. What is needed to give a snippet's result is kept out of its way all the
same, since it may have changed `print`, `json` or `sys.stdout` for good reasons: snippets have a module `builtins` of
their own, and what is called here is bound here.
"""

import builtins
import dis
import io
import linecache
import sys
import types
from keyword import iskeyword

from failures import message, told
from printed import Printed
from refusal import Refused, bounded
from source import compiled
from toolbox import ToolError
from values import Unfit, as_json, from_json

_MOST_SAID = 16 << 10
_KEPT = 64
"""Snippets of a session whose lines are kept for tracebacks."""
_GIVEN = ("tools", "ToolError")
_source_of = linecache.cache
_NOTHING = io.StringIO("")


class Session:
    """A place where snippets run.

    Arguments:
        box: the tools that they have.
    """

    def __init__(self, box):
        self._box = box
        self._printed = Printed()
        self._builtins = types.ModuleType("builtins")
        vars(self._builtins).update(vars(builtins))
        self._module = types.ModuleType("__main__")
        self._scope = self._module.__dict__
        self._given = {"__builtins__": self._builtins, "tools": box.functions, "ToolError": ToolError}
        self._runs = 0

    def run(self, source, inputs):
        """The value as JSON, what was printed, whether that was cut, how many calls of tools were made.

        Arguments:
            inputs: name and value as JSON of each variable.

        Raises:
            Refused: it comes to nothing.
        """
        if source[:1] == "\ufeff":  # a file may begin so, and Python skips it where it reads one itself
            source = source[1:]
        scope, calls = self._begin(), self._box.calls
        if inputs:
            scope.update(_variables(inputs))
        name = self._name(source)
        codes = compiled(source, name)
        before = scope.get("result", self)
        try:
            value = None
            for code in codes:
                value = eval(code, scope)
        except BaseException as error:
            raise self._raised(error) from None
        if value is None and "result" in scope:
            value = _set(scope["result"], before, codes)
        return self._done(value, self._box.calls - calls)

    def _begin(self):
        """Puts everything in its place for the next snippet; its variables."""
        printed, scope = self._printed, self._scope
        printed.begin()
        sys.stdout = sys.stderr = printed
        sys.stdin = _NOTHING
        sys.modules["__main__"], sys.modules["builtins"] = self._module, self._builtins
        scope.update(self._given)
        return scope

    def _name(self, source):
        """The file name of a snippet, under which tracebacks find its lines; an empty one does not count."""
        if source:
            self._runs += 1
        name = "<snippet>" if self._runs < 2 else f"<snippet-{self._runs}>"
        _source_of[name] = len(source), None, source.splitlines(keepends=True), name
        if self._runs > _KEPT:
            _source_of.pop(f"<snippet-{self._runs - _KEPT}>", None)
        return name

    def _raised(self, error):
        if isinstance(error, ToolError) and error.kind == "denied":
            return Refused("denied", bounded(str(error), _MOST_SAID))
        said, trace = bounded(message(error), _MOST_SAID), bounded(told(error), _MOST_SAID)
        return Refused("raised", said, trace, self._printed.text())

    def _done(self, value, calls):
        try:
            text = "null" if value is None else as_json(value)
        except Refused:
            raise
        except BaseException as error:  # a value's own methods may raise anything
            raise Refused(
                "invalid-result", bounded(f"the value cannot be read: {message(error)}", _MOST_SAID)
            ) from None
        return text, self._printed.text(), self._printed.cut, calls


def _variables(inputs):
    found = {}
    for name, text in inputs:
        found[_variable(name, found)] = _value(name, text)
    return found


def _variable(name, found):
    if not name.isidentifier() or iskeyword(name):
        raise Refused("invalid-input", bounded(f"`{name}` is no name of Python", 1024))
    if name in _GIVEN or name.startswith("__"):
        raise Refused("invalid-input", bounded(f"`{name}` is a name that the sandbox itself gives", 1024))
    if name in found:
        raise Refused("invalid-input", bounded(f"`{name}` is given twice", 1024))
    return name


def _value(name, text):
    try:
        return from_json(text)
    except ValueError as error:
        raise Refused("invalid-input", bounded(f"`{name}` is not JSON: {error}", 1024)) from None
    except Unfit as unfit:
        raise Refused("invalid-input", bounded(f"`{name}` cannot be had: {unfit}", 1024)) from None


def _set(value, before, codes):
    """The variable `result` if this run set it, which it may have to what it was before."""
    return value if value is not before or any(_stores_result(code) for code in codes) else None


def _stores_result(code):
    if "result" not in code.co_names:
        return False
    stores = ("STORE_NAME", "STORE_GLOBAL")
    return any(step.opname in stores and step.argval == "result" for step in dis.get_instructions(code))
