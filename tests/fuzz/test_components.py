"""Whatever the bytes: a component, or an error that says what is wrong; never another exception, never a crash."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import wat2wasm

from orchestrator.engine import Engine
from orchestrator.errors import ComponentError
from tests.support.fuzzing import examples
from tests.support.wasi_guests import CLI, FILES

BINARIES = [bytes(wat2wasm(text)) for text in (CLI, FILES)]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("fuzz"))


@given(st.data(), st.sampled_from(BINARIES))
@settings(max_examples=examples(120), suppress_health_check=list(HealthCheck), deadline=None)
def test_a_binary_that_was_changed_is_one_or_is_refused(fuzzed: Engine, data: st.DataObject, binary: bytes) -> None:
    changed = bytearray(binary)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "copy", "insert"]))
        if kind == "set":
            changed[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del changed[at : at + data.draw(st.integers(1, 40))]
        elif kind == "copy":
            changed[at:at] = changed[at : at + data.draw(st.integers(1, 40))]
        else:
            changed[at:at] = data.draw(st.binary(max_size=8))
        if not changed:
            return
    with suppress(ComponentError):
        fuzzed.from_binary(bytes(changed), "changed")
