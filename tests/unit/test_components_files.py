"""The component `files`: patterns, decoding, titles, shares."""

from __future__ import annotations

import pytest

from tests.support.component_modules import load

patterns = load("files", "patterns")
texts = load("files", "texts")
shares = load("files", "shares")


def fits(pattern: str, path: str) -> bool:
    compiled = patterns.Pattern(pattern)
    places = compiled.start()
    for name in path.split("/"):
        places = compiled.step(places, name)
    return bool(compiled.ends(places))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**/*.md", "a.md", True),
        ("**/*.md", "x/y/a.md", True),
        ("**/*.md", "x/a.txt", False),
        ("*.md", "x/a.md", False),
        ("x/**", "x/y/z", True),
        ("x/**", "x", False),
        ("**", "a", True),
        ("**/x/**/*.md", "a/x/b/c.md", True),
        ("**/x/**/*.md", "a/x/c.md", True),
        ("**/x/**/*.md", "x.md", False),
        ("**/*", ".git/config", False),
        ("**/*", "x/.hidden", False),
        (".git/*", ".git/config", True),
        ("a?.md", "ab.md", True),
        ("a?.md", "a.md", False),
        ("[ab].md", "b.md", True),
        ("[!ab].md", "b.md", False),
        ("[!ab].md", "c.md", True),
        ("[]].md", "].md", True),
        ("[.md", "[.md", True),
        ("*.{md,txt}", "a.txt", True),
        ("*.{md,txt}", "a.rst", False),
        ("{a*,b}.md", "abc.md", True),
        ("*.{md", "a.{md", True),
        ("./x//a.md", "x/a.md", True),
        ("ünï*.md", "ünïcode.md", True),
        ("*a*a*a*a*a*a*a*a*b", "a" * 60, False),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert fits(pattern, path) is expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("../x", "`../x` leads out of the folder; give a path within it"),
        ("x/../../y", "`x/../../y` leads out of the folder; give a path within it"),
        ("/etc/*", "`/etc/*` leads out of the folder; give a path within it"),
        ("", "an empty path names no file; `**/*` is every one"),
        ("a\0b", "a path cannot contain a NUL"),
        ("{a,b}" * 7, f"`{'{a,b}' * 7}` stands for more than 64 names"),
        ("[z-a]", "`[z-a]` in `[z-a]` is no set of characters: bad character range z-a at position 1"),
    ],
)
def test_refused_patterns(pattern: str, message: str) -> None:
    with pytest.raises(patterns.InvalidPath) as caught:
        patterns.Pattern(pattern)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"", ""),
        ("\ufeffmark".encode(), "mark"),
        (b"a\r\nb", "a\nb"),
        ("wide \u00e9".encode("utf-16"), "wide \u00e9"),
        (b"one \xff bad byte in a longer text", "one \ufffd bad byte in a longer text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None),
        (bytes(range(128, 256)) * 4, None),
    ],
)
def test_decoding(data: bytes, text: str | None) -> None:
    assert texts.decode(data, False) == text


@pytest.mark.parametrize("end", range(4, 9))
def test_a_cut_leaves_no_half_character(end: int) -> None:
    assert "\ufffd" not in texts.decode("abé€😀".encode()[:end], True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A *fine* `title` #\n\ntext", "A fine title"),
        ("intro\n\n## Later", "Later"),
        ("Title\n=====\n", "Title"),
        ("---\ntitle: 'Stated'\n---\n# Other", "Stated"),
        ("---\nauthor: x\n---\n# Other", "Other"),
        ("```\n# comment\n```\n# Real", "Real"),
        ("# [Linked](x.md)", "Linked"),
        ("first line\nsecond", "first line"),
        ("", "b.txt"),
        ("x" * 500, "b.txt"),
    ],
)
def test_titles(text: str, expected: str) -> None:
    assert texts.title(text, "a/b.txt") == expected


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [([1, 2, 3], 6, None), ([10, 10], 10, 5), ([1, 100, 100], 101, 50), ([], 0, None), ([5], 3, 3), ([1, 1, 9], 4, 2)],
)
def test_shares(sizes: list[int], total: int, expected: int | None) -> None:
    found = shares.longest_beginning(sizes, total)
    assert found == expected
    assert found is None or sum(min(size, found) for size in sizes) <= total
