"""What is said of a build that failed, from what componentize-py says."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engine._build_failure import message
from orchestrator.manifest.model import ComponentManifest

SOURCE = ComponentManifest("greeter", "0.1.0", "python", "test:greeter/greeter", folder=Path("/here/greeter"))
WORKSPACE = Path("/tmp/.build-1")
HEAD = "component `greeter` (/here/greeter) does not build:\n"
OWN_TRACEBACK = (
    'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\n    import componentize_py\n'
    "AssertionError: "
)
STACK = "\n\nStack backtrace:\n   0: <anyhow::Error>::from\n"

CASES = {
    "nothing": ("", "  componentize-py ended with exit code 3 and said nothing"),
    "syntax": (
        OWN_TRACEBACK
        + '  File "/0/app.py", line 12\n    def broken(:\n               ^\nSyntaxError: invalid syntax\n\n'
        "Caused by:\n    SyntaxError: invalid syntax (app.py, line 12)" + STACK,
        '  File "/here/greeter/app.py", line 12\n      def broken(:\n                 ^\n  SyntaxError: invalid syntax',
    ),
    "world": (
        OWN_TRACEBACK + 'Unable to resolve `Some("test:greeter/greeter")`.\nAvailable worlds: [\n    "a:b/c@0.1.0",\n'
        '    "a:b/d",\n]\nWIT paths: [\n    "/tmp/.build-1/wit",\n]\n\nCaused by:\n    World not found' + STACK,
        "  its world, `test:greeter/greeter`, is not in its WIT; there is `a:b/c@0.1.0`, `a:b/d`",
    ),
    "no-world": (
        'Unable to resolve `Some("x")`.\nAvailable worlds: []\n',
        "  its world, `test:greeter/greeter`, is not in its WIT; there is none",
    ),
    "wit": (
        OWN_TRACEBACK + "failed to resolve\n\nCaused by:\n    name `strng` is not defined\n"
        "         --> /tmp/.build-1/wit/world.wit:5:39" + STACK,
        "  failed to resolve\n  caused by:\n      name `strng` is not defined\n"
        "           --> /here/greeter/wit/world.wit:5:39",
    ),
    "class": (
        "AttributeError: module 'app' has no attribute 'Greeter'. Did you mean: 'Greet'?\n\nCaused by:\n"
        "    AttributeError: module 'app' has no attribute 'Greeter'",
        "  AttributeError: module 'app' has no attribute 'Greeter'. Did you mean: 'Greet'?\n"
        "  help: `app.py` needs a class `Greeter` with the functions of an exported interface as methods",
    ),
    "world-class": (
        "AttributeError: module 'app' has no attribute 'WitWorld'",
        "  AttributeError: module 'app' has no attribute 'WitWorld'\n"
        "  help: `app.py` needs a class `WitWorld` with the functions of the world itself as methods",
    ),
    "resource-class": (
        "AttributeError: module 'types' has no attribute 'Client'",
        "  AttributeError: module 'types' has no attribute 'Client'\n"
        "  help: the class of an exported resource, `Client`, belongs in the module `types`, named as its "
        "interface\n  help: where Python has a module `types` itself: `import types; types.Client = Client` in app.py",
    ),
    "module": (
        "ModuleNotFoundError: No module named 'counters'",
        "  ModuleNotFoundError: No module named 'counters'\n"
        "  help: a component has Python's standard library and the modules of its own folder; others are copied into "
        "it\n  help: where the world exports an interface `counters` with resources, their classes are in a module "
        "`counters.py`",
    ),
    "bindings": (
        "ModuleNotFoundError: No module named 'wit_world.imports'",
        "  ModuleNotFoundError: No module named 'wit_world.imports'\n"
        "  help: `wit_world` has what the world `test:greeter/greeter` imports and exports, and nothing else",
    ),
    "panic": (
        "thread '<unnamed>' (1) panicked at bindgen.rs:1433:42:\nnot implemented\npyo3_runtime.PanicException: not "
        "implemented",
        "  thread '<unnamed>' (1) panicked at bindgen.rs:1433:42:\n  not implemented\n"
        "  pyo3_runtime.PanicException: not implemented\n"
        "  help: componentize-py itself failed: its WIT has something that componentize-py does not carry (more than "
        "32 flags, say)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_message(name: str) -> None:
    output, expected = CASES[name]
    assert message(SOURCE, WORKSPACE, "componentize-py", 3, output) == HEAD + expected


def test_a_long_message_is_cut_at_its_beginning() -> None:
    said = message(SOURCE, WORKSPACE, "componentize-py", 1, "x\n" * 10_000 + "the end")
    assert said.startswith(HEAD)
    assert said.endswith("  the end")
    assert len(said) < 4200
