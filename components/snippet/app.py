"""Runs a piece of Python with tools.

What it may import later must be imported here: a module that is not loaded while the component is built is not in it.
"""

import bisect  # noqa: F401
import collections
import contextlib
import csv  # noqa: F401
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import difflib  # noqa: F401
import enum  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import heapq  # noqa: F401
import io
import itertools  # noqa: F401
import json
import math  # noqa: F401
import operator  # noqa: F401
import random  # noqa: F401
import re  # noqa: F401
import statistics  # noqa: F401
import string  # noqa: F401
import textwrap  # noqa: F401
import traceback
import typing  # noqa: F401
import unicodedata  # noqa: F401

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import tools
from wit_world.exports.python import (
    Outcome,
    PythonError_Denied,
    PythonError_InvalidCode,
    PythonError_InvalidResult,
    PythonError_Raised,
)

from toolbox import Toolbox, ToolError

NAME = "<snippet>"
MOST_PRINTED = 1 << 20


class Python(exports.Python):
    def run(self, code, given):
        box = Toolbox([(tool.name, tool.description, tool.schema) for tool in tools.list()], _call)
        scope = {"__name__": "__main__", "ToolError": ToolError, "tools": box.functions, "given": given}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            _execute(_compiled(code), scope)
        return Outcome(_as_json(scope.get("result")), printed.getvalue()[:MOST_PRINTED], box.calls)


def _call(name, arguments):
    try:
        return tools.call(name, arguments)
    except Err as error:
        kind = {"NotFound": "not-found", "InvalidArguments": "invalid-arguments"}
        case = type(error.value).__name__.partition("_")[2]
        raise ToolError(name, kind.get(case, case.lower()), error.value.value) from None


def _compiled(code):
    try:
        return compile(code, NAME, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Err(PythonError_InvalidCode("".join(traceback.format_exception_only(error)).strip())) from None


def _execute(compiled, scope):
    try:
        exec(compiled, scope)
    except ToolError as error:
        if error.kind == "denied":
            raise Err(PythonError_Denied(str(error))) from None
        raise Err(PythonError_Raised(_traceback(error))) from None
    except BaseException as error:
        raise Err(PythonError_Raised(_traceback(error))) from None


def _traceback(error):
    """The exception with the lines of the snippet alone: this component's own say nothing to its author."""
    own = collections.deque((f for f in traceback.extract_tb(error.__traceback__) if f.filename == NAME), maxlen=20)
    places = [f"  line {frame.lineno}, in {frame.name}" for frame in own]
    return "\n".join([*places, "".join(traceback.format_exception_only(error)).strip()])


def _as_json(value):
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Err(PythonError_InvalidResult(str(error))) from None
