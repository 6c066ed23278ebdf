"""Carries tasks out by code that a model writes."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import chat, interpreter
from wit_world.exports.worker import WorkerError_Denied, WorkerError_Failed

import replies

ASKED = "Write Python that carries the task out on the text in the variable `page`; its last line is the answer."


_notes = []
"""What the model asked to remember, in all documents so far."""


class Worker(exports.Worker):
    def work(self, task, document):
        source, notes = replies.read(_asked(chat.complete, _messages(task, document.text), None).content)
        _notes.extend(notes)
        return _asked(interpreter.run, source, [interpreter.Input("page", json.dumps(document.text))]).value


def _messages(task, text):
    system = "\n".join([ASKED, *(f"Remember: {note}" for note in _notes)])
    return [
        chat.Message(chat.Role.SYSTEM, system, None),
        chat.Message(chat.Role.USER, f"Task: {task}\n\n{text}", None),
    ]


def _asked(function, *arguments):
    """What a function answers; its error as this component's own."""
    try:
        return function(*arguments)
    except Err as error:
        kind = type(error.value).__name__.rpartition("_")[2]
        said = getattr(error.value, "value", "")
        if kind == "Denied":
            raise Err(WorkerError_Denied(said)) from None
        raise Err(WorkerError_Failed(f"{kind}: {getattr(said, 'message', said)}")) from None
