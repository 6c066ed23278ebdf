"""Whatever the bytes of a file with a state: it is loaded, or an error says what is wrong; nothing else ever."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.engine import CannotKeep, Engine
from orchestrator.engine.saved import MAGIC, save
from orchestrator.errors import LimitExceeded, SnapshotError
from tests.support.fuzzing import examples
from tests.support.keeping import Keeping, keeping, load
from tests.support.leaks import ATTACKS

NUMBERS = st.one_of(st.integers(-2, 70), st.sampled_from([65536, 1 << 20, 1 << 32, 1 << 64, 0.5, None, True, "x"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
KEYS = ["page", "sizes", "runs", "base", "host", "about", "restorable"]


@pytest.fixture(scope="module")
def guest(engine: Engine) -> Iterator[Keeping]:
    with keeping(engine, ATTACKS["globals and memories of two instances of one module"].text) as made:
        yield made


def tried(guest: Keeping, path: Path) -> None:
    with suppress(SnapshotError):
        state = load(path, guest.component)
        one = guest.fresh()
        with suppress(CannotKeep, LimitExceeded):
            one.put(state)
            one.call("get")
        one.instance.close()


@given(st.data())
@settings(max_examples=examples(150), suppress_health_check=list(HealthCheck), deadline=None)
def test_a_file_that_was_changed(guest: Keeping, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.state"
    save(guest.fresh().take(), path, {})
    changed = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        if data.draw(st.booleans()):
            changed[at] = data.draw(st.integers(0, 255))
        else:
            changed[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    if data.draw(st.booleans()):
        changed[8:40] = hashlib.sha256(changed[40:]).digest()
    path.write_bytes(changed)
    tried(guest, path)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1))
@settings(max_examples=examples(150), suppress_health_check=list(HealthCheck), deadline=None)
def test_a_header_that_says_anything(
    guest: Keeping, tmp_path_factory: pytest.TempPathFactory, says: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "says.state"
    save(guest.fresh().take(), path, {})
    data = path.read_bytes()[40:]
    (size,) = struct.unpack_from("<I", data)
    text = json.dumps({**json.loads(data[4 : 4 + size]), **says}).encode()
    rest = struct.pack("<I", len(text)) + text + data[4 + size :]
    path.write_bytes(MAGIC + hashlib.sha256(rest).digest() + rest)
    tried(guest, path)
