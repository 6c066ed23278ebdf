"""Answers a question from documents, with the help of a retriever and a model."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import chat, retrieval, store
from wit_world.exports.answer import (
    Answer as Reply,
    AnswerError_Denied,
    AnswerError_InvalidQuestion,
    AnswerError_ModelFailed,
    AnswerError_NoDocuments,
    AnswerError_RetrievalFailed,
    Source,
)

import prompt
from batches import batches

NOTHING = "The documents do not answer this question."


def _setting(key, default):
    text = store.get(key)
    return default if text is None else int(json.loads(text))


class Answer(exports.Answer):
    def run(self, question, documents):
        if not question.strip():
            raise Err(AnswerError_InvalidQuestion("it is empty"))
        if not documents:
            raise Err(AnswerError_NoDocuments())
        for batch in batches(documents):
            _retrieval(retrieval.index, batch)
        passages = _setting("passages", 5)
        for wanted in (passages, 2 * passages):
            hits = _retrieval(retrieval.search, question, wanted)
            answer = _answered(question, hits) if hits else None
            if answer or len(hits) < wanted:
                break
        return answer or Reply(NOTHING, [])


def _answered(question, hits):
    """The model's answer from these passages; None when it finds none."""
    context, used = prompt.context(hits, _setting("context", 8000))
    text = _complete(prompt.ask(question, context))
    if not prompt.is_answer(text):
        return None
    sources = [Source(hit.id, hit.title, hit.passage, hit.score) for hit in prompt.cited(text, hits[:used])]
    return Reply(prompt.renumbered(text, hits[:used]), sources)


def _complete(message):
    messages = [
        chat.Message(chat.Role.SYSTEM, prompt.SYSTEM, None),
        chat.Message(chat.Role.USER, message, None),
    ]
    options = chat.Options(0.0, None, _setting("max-tokens", 400), [], 0)
    try:
        return chat.complete(messages, options).content
    except Err as error:
        raise Err(_translated(error.value, chat.ChatError_Denied, AnswerError_ModelFailed)) from None


def _retrieval(function, *arguments):
    try:
        return function(*arguments)
    except Err as error:
        if isinstance(error.value, retrieval.RetrievalError_InvalidQuery):
            raise Err(AnswerError_InvalidQuestion(error.value.value)) from None
        raise Err(_translated(error.value, retrieval.RetrievalError_Denied, AnswerError_RetrievalFailed)) from None


def _translated(error, denied, failed):
    """The error of a call as an error of the answer; a denial stays one."""
    if isinstance(error, denied):
        return AnswerError_Denied(error.value)
    case = type(error).__name__.partition("_")[2]
    detail = getattr(error, "value", None)
    return failed(f"{_spaced(case)}: {detail}" if detail not in (None, "") else _spaced(case))


def _spaced(case):
    """`RateLimited` as `rate limited`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in case).strip()
