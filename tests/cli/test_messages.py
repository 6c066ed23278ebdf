"""How errors look to a person and to a program, colours, and JSON that is safe for a terminal."""

from __future__ import annotations

import io
import json

import pytest

from orchestrator import errors
from orchestrator.cli import _failures as failures
from orchestrator.cli import _terminal as terminal
from orchestrator.diagnostics import Diagnostic, plain
from orchestrator.interface.values import Variant

WARNING = Diagnostic("unused", "nobody calls `b`", place="node `b`", severity="warning")
ERROR = Diagnostic("edge-type", "types differ", place="edge `a -> b`", help=("make them equal",))


def test_a_refused_pipeline_is_told_whole_and_counted() -> None:
    assert failures.text_of(errors.InvalidPipeline([ERROR, ERROR, WARNING]), plain) == (
        "error[edge-type]: types differ\n --> edge `a -> b`\n = help: make them equal\n\n"
        "error[edge-type]: types differ\n --> edge `a -> b`\n = help: make them equal\n\n"
        "warning[unused]: nobody calls `b`\n --> node `b`\n\n"
        "2 errors, 1 warning"
    )


def test_a_failed_run_names_where_it_failed() -> None:
    error = errors.TimedOut("no answer in 5 s", node="model", edge="a -> model", trace_id="ab", causes=["it slept"])
    assert failures.text_of(error, plain) == (
        "error: no answer in 5 s (node `model`, edge `a -> model`, trace ab)\n  = it slept"
    )


def test_the_value_of_a_component_that_failed_is_shown() -> None:
    error = errors.ComponentFailed("`run` answered with an error", value=Variant("denied", "no\x1b files"), node="a")
    assert failures.text_of(error, plain) == (
        'error: `run` answered with an error (node `a`)\n  = value: {\n  "denied": "no\\u001b files"\n}'
    )


@pytest.mark.parametrize(
    ("error", "code", "document"),
    [
        (errors.ComponentError("no\nfile"), 1, {"type": "ComponentError", "message": "no\nfile"}),
        (
            errors.ContractViolated("too many", rule="max-calls", node="b", trace_id="1"),
            1,
            {
                "type": "ContractViolated",
                "message": "too many",
                "node": "b",
                "edge": "",
                "trace-id": "1",
                "causes": [],
                "rule": "max-calls",
            },
        ),
        (
            errors.Cancelled("cancelled"),
            130,
            {"type": "Cancelled", "message": "cancelled", "node": "", "edge": "", "trace-id": "", "causes": []},
        ),
    ],
)
def test_errors_as_json(
    capsys: pytest.CaptureFixture[str], error: errors.OrchestratorError, code: int, document: object
) -> None:
    assert failures.tell(error, as_json=True) == code
    assert json.loads(capsys.readouterr().out) == {"error": document}


def test_diagnostics_as_json() -> None:
    document = failures.to_json(errors.InvalidPipeline([ERROR]))
    assert (document["type"], document["message"]) == ("InvalidPipeline", "1 error")
    assert document["diagnostics"] == [ERROR.to_json()]


@pytest.mark.parametrize(
    ("value", "plain_form"),
    [
        (Variant("none"), "none"),
        (Variant("some", {"a": (1, 2.5)}), {"some": {"a": [1, 2.5]}}),
        (frozenset({"write", "read"}), ["read", "write"]),
        (float("nan"), "nan"),
        (b"\x00", "b'\\x00'"),
        (None, None),
    ],
)
def test_values_without_their_type(value: object, plain_form: object) -> None:
    assert failures.plain_value(value) == plain_form


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "is_terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_terminal: bool, coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if is_terminal else io.StringIO()
    assert terminal.coloured(stream) is coloured
    assert terminal.paint_for(stream)("error", "x") == ("\x1b[1;31mx\x1b[0m" if coloured else "x")


def test_json_hides_nothing_and_harms_no_terminal() -> None:
    value = {"text": "Größe 値 \x1b[2J \x7f \x9b \u202e \u2028 \U000e0001 \ud800", "big": 2**60}
    text = terminal.json_text(value)
    assert json.loads(text) == value
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "Größe 値" in text


def test_json_is_json_in_every_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"é": "🦀\x7f"}
    for encoding in ("ascii", "latin-1", "utf-8"):
        written = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))
        terminal.put_json(data)
        assert json.loads(written.getvalue().decode(encoding)) == data
