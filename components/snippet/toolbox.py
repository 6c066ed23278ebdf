"""Tools as Python functions."""

import json
import keyword
import re
from types import SimpleNamespace


class ToolError(Exception):
    """A tool gave no result: `kind` is `denied`, `not-found`, `invalid-arguments` or `failed`; `detail` says why."""

    def __init__(self, tool, kind, detail):
        self.tool, self.kind, self.detail = tool, kind, detail
        super().__init__(f"{tool}: {kind}: {detail}")


class Toolbox:
    """The tools that there are, each a function that takes the tool's parameters by keyword."""

    def __init__(self, tools, call):
        """`tools`: (name, description, schema as JSON) of each; `call(name, arguments as JSON)` gives JSON."""
        self.calls = 0
        self._call = call
        self.functions = SimpleNamespace(**{identifier(name): self._function(name, *rest) for name, *rest in tools})

    def _function(self, name, description, schema):
        parameters = {member.replace("-", "_"): member for member in json.loads(schema or "{}").get("properties", {})}

        def tool(**arguments):
            self.calls += 1
            named = {parameters.get(key, key): value for key, value in arguments.items()}
            return json.loads(self._call(name, json.dumps(named, ensure_ascii=False)))

        tool.__name__ = tool.__qualname__ = identifier(name)
        tool.__doc__ = f"{description}\n\nArguments as JSON Schema: {schema}"
        return tool


def identifier(name):
    """A tool's name as Python can write it."""
    found = re.sub(r"\W+", "_", name).strip("_") or "tool"
    return f"tool_{found}" if found[0].isdigit() else f"{found}_" if keyword.iskeyword(found) else found
