"""The components of the other pipelines: passages, vectors, orders, inspections, reports, tools."""

from __future__ import annotations

import math
from types import SimpleNamespace as Like
from typing import Any

import pytest

from tests.support.component_modules import load

division = load("passages", "division")
hashing = load("embedder-hashing", "hashing")
fusion = load("reranker", "fusion")
links = load("inspector", "links")
secrets = load("inspector", "secrets_check")
prose = load("inspector", "prose")
report = load("reviewer", "report")


def document(id: str, text: str) -> Any:
    return Like(id=id, title=id, text=text, metadata=[])


def test_passages_know_their_headings() -> None:
    text = "intro\n\n# One\n\na\n\n## Two\n\nb\n\n# Three\n\nc"
    assert division.divide(text, 1000) == [
        ((), "intro"),
        (("One",), "# One\n\na"),
        (("One", "Two"), "## Two\n\nb"),
        (("Three",), "# Three\n\nc"),
    ]


def test_passages_have_a_size() -> None:
    found = division.divide("word " * 1000, 200)
    assert all(len(text) <= 200 for _, text in found)
    assert " ".join(text for _, text in found).split() == ["word"] * 1000
    assert division.divide("", 200) == []


def test_vectors_are_of_length_one_and_near_for_near_words() -> None:
    one, near, far = (hashing.embed(text, 256) for text in ("retrieving documents", "document retrieval", "blue sky"))
    assert math.hypot(*one) == pytest.approx(1.0)
    assert fusion.similarity(one, near) > 0.3 > fusion.similarity(one, far)
    assert hashing.embed("…", 4) == [0.0] * 4


def test_orders_are_joined() -> None:
    assert [place for _, place in fusion.fuse([0.1, 0.9, 0.5], 0.0)] == [0, 1, 2]
    assert [place for _, place in fusion.fuse([0.1, 0.9, 0.5], 1.0)] == [1, 2, 0]
    assert fusion.fuse([], 0.5) == []


def test_broken_links_are_found() -> None:
    documents = [
        document(
            "a.md", "# A\n\n[ok](b/c.md#part-two) [gone](gone.md)\n[anchor](b/c.md#none) [here](#a) [web](https://x)"
        ),
        document("b/c.md", "# C\n## Part *two*!\n[up](../a.md) [image](x.png) [out](../../y.md) `[code](no.md)`\n"),
        document("d.md", "```\n[in code](no.md)\n```\n[ref]: missing.md"),
    ]
    assert [(f.id, f.line, f.rule, f.message) for f in links.check(documents)] == [
        ("a.md", 3, "broken-link", "the link to `gone.md` leads to no document; there is no `gone.md`"),
        ("a.md", 4, "broken-anchor", "the link to `b/c.md#none` leads to no heading of `b/c.md`"),
        ("d.md", 4, "broken-link", "the link to `missing.md` leads to no document; there is no `missing.md`"),
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("key AKIAABCDEFGHIJKLMNOP", "aws-key"),
        ("ghp_" + "a1B2" * 9, "github-token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "private-key"),
        ("postgres://user:pa55word@host/db", "password-in-url"),
        ('password = "hG7kQ2mZ9xW4"', "assigned-secret"),
        ("eyJhbGciOi1.eyJzdWIiOiIx.c2lnbmF0dXJl", "web-token"),
    ],
)
def test_secrets_are_found_and_not_repeated(text: str, rule: str) -> None:
    [found] = secrets.check([document("a.md", f"first\n{text}\nlast")])
    assert (found.line, found.rule, found.severity) == (2, rule, "error")
    cleaned, count = secrets.removed(text)
    assert count == 1
    assert "[removed]" in cleaned
    assert found.message.startswith(("a", "an"))


@pytest.mark.parametrize(
    "text",
    ["password: your-password-here", "secret = aaaaaaaaaaaaaaaa", "the password is asked for", "http://host:80/x@y"],
)
def test_placeholders_are_no_secrets(text: str) -> None:
    assert secrets.removed(text) == (text, 0)


def test_slips_of_writing() -> None:
    text = "# A\n\n### B\n\nThis is the the end. TODO more\n\n" + "word " * 60 + "\n\n```\nopen"
    found = [(f.line, f.rule, f.severity) for f in prose.check([document("a.md", text)], 50)]
    assert found == [
        (3, "skipped-level", "note"),
        (5, "doubled-word", "warning"),
        (5, "unfinished", "warning"),
        (7, "long-sentence", "note"),
        (9, "open-code", "error"),
    ]
    assert list(prose.check([document("a.md", "All is well. `the the` is code.")], 50)) == []


def test_a_report() -> None:
    findings = [
        ("note", "b.md", 2, "long", "long"),
        ("error", "a.md", 1, "gone", "gone"),
        ("note", "a.md", 9, "long", "x"),
    ]
    assert report.markdown("fail", findings, 2) == (
        "# Review: fail\n\nSome things must be changed.\n\n"
        "| severity | rule | found |\n| --- | --- | --- |\n| error | gone | 1 |\n| note | long | 2 |\n\n"
        "## a.md\n\n- line 1, error, gone: gone\n\n"
        "## b.md\n\n- line 2, note, long: long\n\n"
        "1 more are counted above and not listed.\n"
    )
    assert report.markdown("pass", [], 2) == "# Review: pass\n\nNothing needs to be changed.\n"
