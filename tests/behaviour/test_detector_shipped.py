"""The detector that ships, as it was built: in the component, where the library of Python is another than in tests.

The unit tests hold its modules against the same texts on the Python that runs them, which has codecs and modules that
the component has not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator import Engine, Pipeline
from tests.support.goldens import PROJECT
from tests.support.injections import ATTACKS, BENIGN, ENCODED, HIDDEN, IGNORE, OPEN

pytestmark = pytest.mark.slow

Judge = Callable[[Any], dict[str, Any]]
HEADING = "### The detector that ships\n"


@pytest.fixture(scope="module")
def judge(engine: Engine) -> Iterator[Judge]:
    """One instance of the component, which is asked for its verdict of one value after the other."""
    pipeline = (
        Pipeline("judged")
        .input("value")
        .node(
            "guard",
            component=str(PROJECT / "components/detector-injection"),
            run="agent:core/detector.detect",
            lifetime="session",
        )
        .data("inputs.value", "guard.value")
        .output("verdict", "guard")
    )
    with pipeline.link(engine) as linked:

        def asked(value: Any) -> dict[str, Any]:
            verdict: dict[str, Any] = linked.run(value=json.dumps(value))["verdict"]
            return verdict

        yield asked


def documented() -> dict[str, str]:
    """The table of checks in the guide: what each finds."""
    _, _, section = (PROJECT / "docs/guide/contracts.md").read_text(encoding="utf-8").partition(HEADING)
    table = section[section.index("| check |") :].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE))


def test_every_check_that_is_documented_is_held_against_texts() -> None:
    assert set(documented()) == {*ATTACKS, "encoded", "hidden"}
    for encoding, _ in ENCODED:
        assert encoding in documented()["encoded"]


@pytest.mark.parametrize("check", ATTACKS)
def test_the_component_finds_what_each_check_is_for(judge: Judge, check: str) -> None:
    verdicts = {text: judge({"page": f"A page.\n\n{text}\n\nMore of it."}) for text in ATTACKS[check]}
    wrong = {text: verdict for text, verdict in verdicts.items() if not verdict["reason"].startswith(f"{check}: ")}
    assert wrong == {}
    assert {verdict["clean"] for verdict in verdicts.values()} == {False}


def test_the_component_reads_every_encoding(judge: Judge) -> None:
    for encoding, text in ENCODED:
        reason = f"encoded: in {encoding} is what the check `override` finds"
        assert judge(text) == {"clean": False, "reason": reason}


def test_the_component_finds_what_is_hidden(judge: Judge) -> None:
    for what, text in HIDDEN:
        assert judge({"s": text}) == {"clean": False, "reason": f"hidden: it has {what}, at /s"}


def test_the_component_leaves_ordinary_texts_alone(judge: Judge) -> None:
    for text in (*BENIGN, *OPEN):
        assert judge([text]) == {"clean": True, "reason": ""}, text


@pytest.mark.parametrize(
    "text",
    ["vtaber", "sbetrg", "erirny gur jbeyq", "erongi", "\ud800 vtaber \udfff", "%ff%fe%d8",
     "\\ud83d\\ude00 \\U99999999", "&#xD800; &#9999999;", "//79/P8A" * 8, "ff" * 40,
     "\x00\x1b[999999m", "\U0010ffff" * 3],
)  # fmt: skip
def test_the_component_comes_back_from_what_only_looks_like_an_encoding(judge: Judge, text: str) -> None:
    assert judge(text) == {"clean": True, "reason": ""}
    assert judge(f"{text} … {IGNORE}")["clean"] is False
