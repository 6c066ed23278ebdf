"""The component `retriever`: words, BM25, passages."""

from __future__ import annotations

import math

import pytest

from tests.support.component_modules import load

words = load("retriever", "words")
bm25 = load("retriever", "bm25")
passages = load("retriever", "passages")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Instantiating instantiates", ["instantiat", "instantiat"]),
        ("caches caching", ["cach", "cach"]),
        ("policies policy denied denies", ["polici", "polici", "deni", "deni"]),
        ("violated violation session vision", ["violat", "violat", "sess", "vision"]),
        ("hopping falling passes need", ["hop", "fall", "pass", "need"]),
        ("snake_case don't 3.14", ["snak", "cas", "don", "t", "3", "14"]),
        ("Straße NAÏVE ﬁle", ["straße", "naïve", "fil"]),
        ("日本語の文", ["日本", "本語", "語の", "の文"]),
        ("", []),
        ("?! …", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words.words(text) == expected


def test_a_question_of_common_words_alone_keeps_them() -> None:
    assert words.question_words("to be or not to be") == ["to", "be", "or", "not", "to", "be"]
    assert words.question_words("what is a hedgehog") == ["hedgehog"]


def test_words_that_only_ask_are_not_searched_for() -> None:
    assert words.question_words("What does hedgehog mean?") == ["hedgehog"]
    assert words.question_words("What happens to the hedgehog?") == ["hedgehog"]
    assert words.question_words("The difference between a cat and a dog") == ["cat", "dog"]
    assert words.question_words("mean temperature") == ["mean", "temperatur"]


def test_the_score_is_that_of_the_formula() -> None:
    index = bm25.Index(k1=1.2, b=0.75)
    index.add("1", "", "cat cat dog")
    index.add("2", "", "dog bird")
    [(score, id, _, _)] = index.search("cat", 5)
    weight = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert id == "1"
    assert score == pytest.approx(weight * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2.5)))


def test_titles_and_paths_are_found_too() -> None:
    index = bm25.Index()
    index.add("guide/limits.md", "Memory", "nothing of it here")
    assert [hit[1] for hit in index.search("memory", 5)] == ["guide/limits.md"]
    assert [hit[1] for hit in index.search("limits", 5)] == ["guide/limits.md"]


def test_the_best_first_and_no_more_than_asked() -> None:
    index = bm25.Index()
    for number in range(10):
        index.add(str(number), "", "needle " * number + "hay " * 10)
    found = [hit[1] for hit in index.search("needle", 3)]
    assert found == ["9", "8", "7"]
    assert index.search("needle", 0) == []
    assert index.search("absent", 3) == []


def test_equal_texts_come_in_the_order_they_were_added() -> None:
    index = bm25.Index()
    for id in "cab":
        index.add(id, "", "same words")
    assert [hit[1] for hit in index.search("word", 3)] == ["c", "a", "b"]


def test_a_text_is_replaced_by_its_id() -> None:
    index = bm25.Index()
    index.add("1", "", "old apple")
    index.add("2", "", "pear")
    index.add("1", "", "new cherry")
    assert len(index) == 2
    assert index.search("apple", 5) == []
    assert [hit[1] for hit in index.search("cherry", 5)] == ["1"]
    assert index.weight("apple") == index.weight("never seen")


def test_an_index_has_a_limit() -> None:
    index = bm25.Index(max_bytes=10)
    index.add("1", "", "12345")
    index.add("1", "", "1234567890"[:5])
    with pytest.raises(bm25.IndexFull) as caught:
        index.add("2", "", "ünïcö")
    assert str(caught.value) == "10 bytes of text"
    assert len(index) == 1


def test_the_passage_is_where_the_words_are() -> None:
    filler = "\n\n".join(f"paragraph {number} about nothing" for number in range(100))
    text = f"{filler}\n\nThe hedgehog eats at night.\n\n{filler}"
    found, fit = passages.best_passage(text, "when does a hedgehog eat?", lambda word: 1.0, 120)
    assert fit > 0
    assert "The hedgehog eats at night." in found
    assert len(found) <= 120


def test_a_short_text_is_its_own_passage() -> None:
    assert passages.best_passage(" short ", "x", lambda word: 1.0, 120) == ("short", 0.0)
    assert passages.best_passage("", "x", lambda word: 1.0, 120) == ("", 0.0)


def test_a_text_without_paragraphs_is_divided() -> None:
    text = "word " * 2000 + "needle " + "word " * 2000
    found, _ = passages.best_passage(text, "needle", lambda word: 1.0, 200)
    assert "needle" in found
    assert len(found) <= 200


def test_a_passage_begins_at_the_heading_that_names_it_and_prose_comes_before_tables() -> None:
    rows = "".join(f"| hedgehog | {number} |\n" for number in range(8))
    prose = "## Hedgehogs\n\nThe hedgehog sleeps.\n\n"
    filler = "\n\n".join("nothing of it here" for _ in range(20))
    found, _ = passages.best_passage(f"{rows}\n{filler}\n\n{prose}{filler}", "hedgehogs", lambda word: 1.0, 150)
    assert found.startswith("## Hedgehogs\n\nThe hedgehog sleeps.")


def test_a_block_of_code_is_not_divided() -> None:
    code = "```python\ndef needle():\n\n    return 1\n\n\nneedle()\n```"
    text = "words of it. " * 20 + f"\n\n{code}\n\n" + "words of it. " * 20
    found, _ = passages.best_passage(text, "needle", lambda word: 1.0, 100)
    assert found.startswith(code)


def test_a_text_whose_passage_answers_comes_before_one_that_has_the_words_here_and_there() -> None:
    index = bm25.Index()
    filler = "\n\n".join(f"paragraph {number} about nothing at all" for number in range(60))
    index.add("apart", "", f"A hedgehog, a hedgehog.\n\n{filler}\n\nWe eat at a night like this.")
    index.add("together", "", f"{filler}\n\nA hedgehog will eat at night.\n\n{filler}")
    assert [hit[1] for hit in index.search("hedgehog eat night", 2)] == ["apart", "together"]
    found = passages.search(index, "hedgehog eat night", 1, 200)
    assert [(id, "will eat at night" in passage) for _, id, _, passage in found] == [("together", True)]
    assert passages.search(index, "hedgehog", 0, 200) == []
