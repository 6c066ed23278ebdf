"""The project's own documentation answers natural questions, by the pipeline that `make demo` runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import Engine, LinkedPipeline, Pipeline

PIPELINE = Path(__file__).resolve().parent.parent.parent / "pipelines" / "docs-answer.yaml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def linked() -> Iterator[LinkedPipeline]:
    with Engine() as engine, Pipeline.load(PIPELINE).link(engine) as linked:
        yield linked


@pytest.mark.parametrize(
    ("question", "answer", "source"),
    [
        ("What is a contract?", "A contract is a set of rules on an edge", "guide/contracts.md"),
        ("What happens when a contract is violated?", "When a contract is violated, the", "guide/contracts.md"),
        ("What is the difference between deny and fail?", "`deny` refuses one crossing", "guide/contracts.md"),
        ("How does a node get access to a folder?", "only by a storage grant", "guide/pipelines.md"),
        ("What is a tool edge?", "A tool edge offers one function", "guide/pipelines.md"),
        ("What does lifetime mean?", "how long one instance", "guide/pipelines.md"),
        ("How do I write a component?", "by describing its interface in WIT", "guide/components.md"),
        ("How much memory may a component use?", "and 1 GiB where it says nothing", "guide/limits.md"),
        ("Can a component use the network?", "cannot use the network", "guide/limits.md"),
        ("How can I see the trace in Jaeger?", "takes OTLP at `localhost:4317`", "guide/tracing.md"),
        ("How do I run a pipeline from Python?", "linking it with an engine", "guide/python.md"),
        ("How do I cancel a run?", "`cancel` ends it", "guide/python.md"),
        ("Why is the first run slow?", "compiled to machine code; both happen once", "guide/troubleshooting.md"),
        ("Where is the cache?", "~/.cache/orchestrator", "guide/troubleshooting.md"),
    ],
)
def test_a_natural_question_is_answered_from_the_guide(
    linked: LinkedPipeline, question: str, answer: str, source: str
) -> None:
    result = linked.run(question=question)
    assert answer in result["answer"]
    assert source in [each["id"] for each in result["sources"]]


def test_what_the_documentation_does_not_say_is_not_answered(linked: LinkedPipeline) -> None:
    assert linked.run(question="Who won the football cup in 1998?")["sources"] == []
