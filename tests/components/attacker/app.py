"""Runs what it is handed. A module that a test imports must be imported here: the others are not in the component."""

import asyncio  # noqa: F401
import base64
import contextlib  # noqa: F401
import datetime  # noqa: F401
import encodings.idna  # noqa: F401
import glob  # noqa: F401
import hashlib  # noqa: F401
import importlib
import io  # noqa: F401
import json
import os  # noqa: F401
import pathlib  # noqa: F401
import pkgutil
import random  # noqa: F401
import secrets  # noqa: F401
import shutil  # noqa: F401
import socket  # noqa: F401
import stat  # noqa: F401
import sys
import tempfile  # noqa: F401
import threading  # noqa: F401
import time  # noqa: F401
import traceback
import uuid  # noqa: F401

import wit_world
from componentize_py_types import Err, Ok, Result, Some  # noqa: F401
from wit_world import imports

BINDINGS = [found.name for found in pkgutil.iter_modules(imports.__path__)]
for name in BINDINGS:
    importlib.import_module(f"wit_world.imports.{name}")


def _plain(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else repr(value)


class WitWorld(wit_world.WitWorld):
    def run(self, code: str) -> str:
        scope = {**globals(), "result": None}
        try:
            exec(compile(code, "<attack>", "exec"), scope)
            return json.dumps(scope["result"], default=_plain)
        except Err as refused:
            raise Err(f"Err: {refused.value!r}") from None
        except Exception:
            raise Err(traceback.format_exc().strip().splitlines()[-1]) from None
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
