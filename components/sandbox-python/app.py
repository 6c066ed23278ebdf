"""Runs snippets of Python with tools: the component's face, which knows WIT and leaves the work to `session`."""

import contextlib
import gc
import random

import library  # first: what is imported after it lies together
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.interpreter import (
    CodeError_Denied,
    CodeError_InvalidInput,
    CodeError_InvalidResult,
    CodeError_InvalidSource,
    CodeError_Raised,
    Failure,
    Outcome,
)
from wit_world.imports import tools

from failures import message
from refusal import Refused
from session import Session
from toolbox import Toolbox, ToolError, detail_of

_CASES = {
    "denied": CodeError_Denied,
    "invalid-source": CodeError_InvalidSource,
    "invalid-input": CodeError_InvalidInput,
    "invalid-result": CodeError_InvalidResult,
}
_KINDS = {"NotFound": "not-found", "InvalidArguments": "invalid-arguments"}
_sessions = []


class Interpreter(exports.Interpreter):
    def run(self, source, inputs):
        if not _sessions:
            _sessions.append(Session(_toolbox()))
        try:
            return Outcome(*_sessions[0].run(source, [(each.name, each.value) for each in inputs]))
        except Refused as refused:
            raise Err(_error(refused)) from None
        except BaseException as error:  # the snippet broke what the session needs: better an error than a trap
            raise Err(CodeError_Raised(Failure(f"the session is broken: {message(error)}", "", ""))) from None


class Reseed(exports.Reseed):
    def reseed(self):
        random.seed()


def _toolbox():
    """The tools that the pipeline gives, asked for once: which there are does not change while an instance lives."""
    return Toolbox([(tool.name, tool.description, tool.schema) for tool in tools.list()], _call)


def _call(name, arguments):
    try:
        return tools.call(name, arguments)
    except Err as error:
        case = type(error.value).__name__.partition("_")[2]
        detail = detail_of(error.value.value) if case == "Failed" else error.value.value
        raise ToolError(name, _KINDS.get(case, case.lower()), detail) from None


def _error(refused):
    if refused.kind == "raised":
        return CodeError_Raised(Failure(refused.detail, refused.traceback, refused.printed))
    return _CASES[refused.kind](refused.detail)


def _warm_up():
    """Runs snippets: what CPython learns of the code that they lead through is saved with it, and not written again."""
    session = Session(Toolbox([], None))
    for source in _EXAMPLES * _OFTEN:
        with contextlib.suppress(Refused):
            session.run(source, [("x", "[1]")])


_OFTEN = 30
_EXAMPLES = (
    "1 + 1",
    "y = [n * n for n in x]\nprint(y)\n{'a': y, 'b': (1.5, None)}",
    "def f(n):\n    return n / 0\n\nresult = f(1)",
    "import math\nclass A:\n    pass\nresult = {math.pi}",
    "if x:\n    y[",
)

# What there is now stays. A collection then neither looks at it nor writes into it, which would make its pages dirty.
_warm_up()
library.end()
gc.collect()
library.pack()
gc.freeze()
