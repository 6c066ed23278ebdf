"""Runs snippets of Python with tools: the component's face, which knows WIT and leaves the work to `session`."""

import gc
import linecache
import random
import sys

import library
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
from toolbox import Toolbox, ToolError

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
            done = _sessions[0].run(source, [(each.name, each.value) for each in inputs])
        except Refused as refused:
            raise Err(_error(refused)) from None
        except BaseException as error:  # the snippet broke what the session needs: better an error than a trap
            raise Err(CodeError_Raised(Failure(f"the session is broken: {message(error)}", "", ""))) from None
        return Outcome(done.value, done.printed, done.cut, done.calls)


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
        raise ToolError(name, _KINDS.get(case, case.lower()), error.value.value) from None


def _error(refused):
    if refused.kind == "raised":
        return CodeError_Raised(Failure(refused.detail, refused.traceback, refused.printed))
    return _CASES[refused.kind](refused.detail)


def _practise():
    """Runs snippets while the component is built: CPython then knows the runner's code, and what that needs is made."""
    before = sys.stdout, sys.stderr, sys.stdin, sys.modules["__main__"], sys.modules["builtins"]
    session = Session(Toolbox([], None))
    for _ in range(64):
        for source in ("1 + 1", "x = [n for n in y]\nprint(x)\nsum(x)", "result = {'a': y}"):
            session.run(source, [("y", "[1, 2]")])
    sys.stdout, sys.stderr, sys.stdin, sys.modules["__main__"], sys.modules["builtins"] = before
    linecache.clearcache()


_practise()
# What there is now stays. A collection then neither looks at it nor writes into it, which would make its pages dirty.
library.end()
gc.collect()
gc.freeze()
