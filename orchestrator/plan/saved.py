"""A plan that was saved, read back: a file that may be anybody's, so that nothing of it is taken for granted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.plan.model import FORMAT

LARGEST = 16 << 20
"""Bytes of a saved plan."""
_KINDS = {"nodes": dict, "edges": list, "run": dict, "addresses": list, "inputs": dict, "ceilings": list}


def read_saved(path: str | Path) -> dict[str, Any]:
    """The JSON form of a plan that was saved.

    Raises:
        OrchestratorError: it cannot be read, or is no plan of this version's form.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise OrchestratorError(f"{path} is no saved plan: it has over {LARGEST >> 20} MiB")
        data = json.loads(text)
    except OSError as problem:
        raise OrchestratorError(f"cannot read the saved plan {path}: {problem.strerror}") from None
    except (ValueError, RecursionError):
        raise OrchestratorError(
            f"{path} is no saved plan: it is not JSON; `orchestrator plan --save` writes one"
        ) from None
    return checked(data, str(path))


def checked(data: Any, name: str) -> dict[str, Any]:
    """What was saved, if it has the form of a plan.

    Raises:
        OrchestratorError: it has not.
    """
    if not isinstance(data, dict) or "plan" not in data:
        raise OrchestratorError(f"{name} is no saved plan; `orchestrator plan --save` writes one")
    if data.get("format") != FORMAT:
        message = f"{name} was saved by another version, in form {data.get('format')!r:.20}; this one reads {FORMAT}"
        raise OrchestratorError(f"{message}: save it anew and look at what it says")
    for key, kind in _KINDS.items():
        if not isinstance(data.get(key), kind):
            raise OrchestratorError(f"{name} is no saved plan: its `{key}` is damaged")
    return data
