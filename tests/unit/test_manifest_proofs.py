"""Each key that something enforces names tests that show it: they are there, and they use the key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.manifest.ceiling_keys import CEILING
from orchestrator.manifest.component_keys import COMPONENT
from orchestrator.manifest.container_shapes import Key
from orchestrator.manifest.pages import objects
from orchestrator.manifest.pipeline_keys import PIPELINE
from tests.support.goldens import PROJECT


def keys() -> Iterator[tuple[str, Key]]:
    for shape in (*objects(PIPELINE), *objects(COMPONENT), *objects(CEILING)):
        yield from ((f"{shape.title}: {key.name}", key) for key in shape.keys if not key.later)


KEYS = dict(keys())


def test_what_proves_nothing_says_something_to_a_person() -> None:
    silent = {name for name, key in KEYS.items() if not key.proof}
    assert silent == {name for name, key in KEYS.items() if key.name == "description"}
    assert silent == {name for name, key in KEYS.items() if not key.enforced}


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.proof])
def test_the_proof_of_a_key_uses_it(name: str) -> None:
    key = KEYS[name]
    text = (PROJECT / key.proof).read_text(encoding="utf-8")
    # From Python the one key of `each` is given as `each` itself.
    words = {key.name, key.name.replace("-", "_"), "each" if name == "Each: parallel" else key.name}
    assert any(word in text for word in words)
