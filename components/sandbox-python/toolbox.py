"""Tools as Python functions."""

import json
import keyword
import re
from types import SimpleNamespace

from values import Unfit, written


class ToolError(Exception):
    """A tool gave no result: `kind` is `denied`, `not-found`, `invalid-arguments` or `failed`; `detail` says why."""

    def __init__(self, tool, kind, detail):
        self.tool, self.kind, self.detail = tool, kind, detail
        super().__init__(f"{tool}: {kind}: {detail}")


ToolError.__module__ = "__main__"  # a snippet knows it by its bare name, and so its traceback says it


def detail_of(text):
    """What is said of a failure: a tool's own error is JSON, that of a text is the text."""
    try:
        found = json.loads(text) if text.startswith('"') else text
    except ValueError:
        return text
    return found if isinstance(found, str) else text


class Tools(SimpleNamespace):
    """The functions; whoever asks for another is told which there are."""

    def __getattr__(self, name):
        there = ", ".join(f"tools.{each}" for each in vars(self))
        said = f"there is no tool `{name}`; there is {there}" if there else f"there is no tool `{name}`, nor any other"
        raise AttributeError(said, name=name, obj=self)


class Toolbox:
    """The tools that there are, each a function that takes the tool's parameters in their order or by keyword."""

    def __init__(self, tools, call):
        """`tools`: (name, description, schema as JSON) of each; `call(name, arguments as JSON)` gives JSON."""
        self.calls = 0
        self._call = call
        self.functions = Tools(**{identifier(name): self._function(name, *rest) for name, *rest in tools})

    def _function(self, name, description, schema):
        members = list(json.loads(schema or "{}").get("properties", {}))
        parameters = [member.replace("-", "_") for member in members]
        named = dict(zip(parameters, members, strict=True))
        call, loads = self._call, json.loads

        def tool(*values, **arguments):
            arguments = _joined(tool.__name__, parameters, values, arguments) if values else arguments
            given = _as_json(name, {named.get(key, key): value for key, value in arguments.items()})
            self.calls += 1
            return loads(call(name, given))

        tool.__name__ = tool.__qualname__ = identifier(name)
        tool.__module__ = "tools"
        tool.__doc__ = f"{description}\n\nArguments as JSON Schema: {schema}"
        return tool


def _as_json(tool, values):
    try:
        return written(values)
    except Unfit as unfit:
        raise ToolError(tool, "invalid-arguments", str(unfit)) from None


def _joined(tool, parameters, values, arguments):
    """Positional values by their parameters' names, together with those that were given by name."""
    if len(values) > len(parameters):
        takes = f"{len(parameters)} argument{'s' if len(parameters) != 1 else ''}"
        raise TypeError(f"{tool}() takes {takes} ({', '.join(parameters)}), and {len(values)} were given")
    positional = dict(zip(parameters, values, strict=False))
    twice = next((name for name in positional if name in arguments), None)
    if twice is not None:
        raise TypeError(f"{tool}() got two values for `{twice}`")
    return positional | arguments


def identifier(name):
    """A tool's name as Python can write it."""
    found = re.sub(r"\W+", "_", name).strip("_") or "tool"
    return f"tool_{found}" if found[0].isdigit() else f"{found}_" if keyword.iskeyword(found) else found
