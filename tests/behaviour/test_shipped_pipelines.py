"""Every pipeline that ships runs on real files and gives what its description says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import ComponentFailed, Engine, LinkedPipeline, Pipeline

PIPELINES = Path(__file__).resolve().parent.parent.parent / "pipelines"
KEY = "AKIAABCDEFGHIJKLMNOP"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "animals.md").write_text(
        "# Animals\n\nA hedgehog eats beetles and slugs at night. See [plants](plants.md).\n\n"
        "A cat sleeps all day long.\n"
    )
    (tmp_path / "guide" / "keys.md").write_text(f"# Keys\n\nThe hedgehog's key is {KEY} and no other one.\n")
    (tmp_path / "image.md").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "notes.txt").write_text("Nothing of it is here in this file.\n")
    return tmp_path


def run(engine: Engine, name: str, **inputs: Any) -> dict[str, Any]:
    with Pipeline.load(PIPELINES / f"{name}.yaml").link(engine) as linked:
        return dict(linked.run(inputs).outputs)


@pytest.mark.parametrize("name", ["docs-answer", "docs-deep"])
def test_a_question_is_answered_with_its_source(engine: Engine, folder: Path, name: str) -> None:
    outputs = run(engine, name, question="What does a hedgehog eat?", folder=str(folder))
    assert "A hedgehog eats beetles and slugs at night. [1]" in outputs["answer"]
    assert outputs["sources"][0]["id"] == "guide/animals.md"


def test_a_question_that_the_documents_do_not_answer(engine: Engine, folder: Path) -> None:
    outputs = run(engine, "docs-answer", question="Who won the cup in 1998?", folder=str(folder))
    assert outputs == {"answer": "The documents do not answer this question.", "sources": []}


def test_no_key_leaves_the_deep_pipelines_folder(engine: Engine, folder: Path) -> None:
    outputs = run(engine, "docs-deep", question="What is the hedgehog's key?", folder=str(folder))
    assert KEY not in str(outputs)
    assert "[removed]" in outputs["answer"]


def test_a_folder_without_documents(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ComponentFailed) as caught:
        run(engine, "docs-answer", question="What?", folder=str(tmp_path))
    assert caught.value.value.case == "no-documents"


def test_a_review_joins_three_inspections(engine: Engine, folder: Path) -> None:
    outputs = run(engine, "docs-review", folder=str(folder))
    assert (outputs["verdict"], outputs["errors"]) == ("fail", 2)
    assert KEY not in outputs["report"]
    assert "line 3, error, aws-key" in outputs["report"]
    assert "there is no `guide/plants.md`" in outputs["report"]


def test_a_snippet_uses_its_tools(engine: Engine, folder: Path) -> None:
    variables = [{"name": "question", "value": '"hedgehog"'}]
    outputs = run(engine, "snippet-tools", variables=variables, folder=str(folder))
    assert outputs["printed"].startswith('read: failed: {"not-text": "image.md"}\nread 2 pages of ')
    assert "guide/animals.md" in outputs["result"]


@pytest.mark.parametrize(
    ("source", "case"),
    [
        ("open('/docs/guide/animals.md')", "raised"),
        ("tools.read(path='notes.txt')", "denied"),
        ("for _ in range(11): tools.list(pattern='*')", "denied"),
        ("def", "invalid-source"),
    ],
)
def test_a_snippet_reaches_nothing_else(engine: Engine, folder: Path, source: str, case: str) -> None:
    with pytest.raises(ComponentFailed) as caught:
        run(engine, "snippet-tools", folder=str(folder), source=source)
    assert caught.value.value.case == case


OTHERS = (("1-harbour.md", '["The harbour", "Tomorrow"]'), ("3-market.md", '["The market", "Prices"]'))


def _reports(linked: LinkedPipeline) -> dict[str, tuple[bool, str]]:
    return {one["document"]: (one["done"], one["said"]) for one in linked.run().outputs["reports"]}


def test_an_agent_that_was_told_to_do_something_else_is_taken_back(engine: Engine) -> None:
    with Pipeline.load(PIPELINES / "injected-agent.yaml").link(engine) as linked:
        found = _reports(linked)
    assert {page: found[page] for page, _ in OTHERS} == {page: (True, said) for page, said in OTHERS}
    done, said = found["2-notice.md"]
    assert not done
    assert said.startswith("reject: a string under `args.source` matches ")


def test_without_being_taken_back_it_answers_as_it_was_told(engine: Engine, tmp_path: Path) -> None:
    text = (PIPELINES / "injected-agent.yaml").read_text(encoding="utf-8")
    assert "    revert-on: {violations: 1}\n" in text
    gullible = tmp_path / "gullible.yaml"
    text = text.replace("    revert-on: {violations: 1}\n", "").replace(
        "../components", str(PIPELINES.parent / "components")
    )
    gullible.write_text(text.replace("default: injected-pages", f"default: {PIPELINES / 'injected-pages'}"))
    with Pipeline.load(gullible).link(engine) as linked:
        assert _reports(linked)["3-market.md"] == (True, '"All is well."')
