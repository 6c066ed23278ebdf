"""What is asked and what there is to answer from, read out of a conversation."""

import re
from dataclasses import dataclass

_ASKED = re.compile(r"^\s*(?:question|query|q)\s*:\s*", re.IGNORECASE | re.MULTILINE)
_NUMBERED = re.compile(r"^\[(\d{1,4})\]", re.MULTILINE)


@dataclass
class Passage:
    """A text to answer from.

    Arguments:
        mark: how the conversation numbers it (`[2]`), or empty.
        label: what it is called, which says what it is about and answers nothing.
    """

    mark: str
    text: str
    label: str = ""


def read(messages):
    """The question and the passages, of (role, content) pairs.

    The question stands after `Question:` in the last message of the user, or is its last paragraph. Passages are what
    else users and tools said; what the model answered and what the system ordered is no source.
    """
    said = [content for role, content in messages if role in ("user", "tool")]
    asking = [at for at, (role, _) in enumerate(messages) if role == "user"]
    if not asking:
        return "", []
    question, rest = _divide(messages[asking[-1]][1])
    position = sum(role in ("user", "tool") for role, _ in messages[: asking[-1]])
    said[position] = rest
    return question, [passage for text in said for passage in _passages(text)]


def _divide(text):
    found = list(_ASKED.finditer(text))
    if found:
        question, _, after = text[found[-1].end() :].partition("\n\n")
        return question.strip(), f"{text[: found[-1].start()]}\n\n{after}"
    before, _, question = text.strip().rpartition("\n\n")
    return question.strip(), before


def _passages(text):
    """The text at each `[n]` that begins a line; all of it where there is none."""
    marks = list(_NUMBERED.finditer(text))
    if not marks:
        return [Passage("", text)] if text.strip() else []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [_numbered(mark[0], text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]


def _numbered(mark, text):
    """The passage; what stands beside its number, with an empty line after it, is its label."""
    first, _, rest = text.partition("\n")
    if first.strip() and rest[:1] == "\n":
        return Passage(mark, rest, first.strip())
    return Passage(mark, text)
