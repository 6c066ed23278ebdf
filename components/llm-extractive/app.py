"""Answers with sentences taken from the messages."""

import json
import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import store
from wit_world.exports.chat import (
    ChatError_ContextExceeded,
    ChatError_InvalidRequest,
    Completion,
    FinishReason,
    Usage,
)

import conversation
from extract import extract

MODEL = "extractive-1"
LONGEST = 100_000
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Chat(exports.Chat):
    def complete(self, messages, options):
        prompt = sum(_tokens(message.content) for message in messages)
        if prompt > LONGEST:
            raise Err(ChatError_ContextExceeded(LONGEST))
        question, passages = conversation.read([(m.role.name.lower(), m.content) for m in messages])
        if not question:
            raise Err(ChatError_InvalidRequest("no message of the user asks anything"))
        chosen = extract(question, passages, _sentences())
        text, finished = _limited([f"{c.text} {c.mark}".strip() for c in chosen], options)
        answer = _tokens(text)
        return Completion(text, finished, Usage(prompt, answer, prompt + answer), MODEL)


def _sentences():
    text = store.get("sentences")
    return 3 if text is None else int(json.loads(text))


def _tokens(text):
    return sum(1 for _ in _TOKEN.finditer(text))


def _limited(sentences, options):
    """The sentences that fit into `max-tokens`, up to the first stop text."""
    most = options.max_tokens if options and options.max_tokens is not None else LONGEST
    kept, room = [], most
    for sentence in sentences:
        room -= _tokens(sentence)
        if room < 0:
            break
        kept.append(sentence)
    text = " ".join(kept)
    for stop in options.stop if options else ():
        text = text.partition(stop)[0] if stop else text
    return text, FinishReason.STOP if len(kept) == len(sentences) else FinishReason.LENGTH
