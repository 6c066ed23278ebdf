"""Modules of the components that ship, imported without building them.

Their `app.py` needs the bindings that the builder makes; the modules beside it are plain Python. Components have
modules of the same name, so each folder's are loaded apart from the others'.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

COMPONENTS = Path(__file__).resolve().parent.parent.parent / "components"


def load(component: str, name: str) -> ModuleType:
    """The module `name` of a component's folder, with the modules of that folder that it imports."""
    folder = COMPONENTS / component
    own = {path.stem for path in folder.glob("*.py")}
    outside = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for inner in own:
            sys.modules.pop(inner, None)
        sys.modules.update(outside)
