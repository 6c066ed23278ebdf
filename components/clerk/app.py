"""Has a worker carry a task out on each document."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import worker
from wit_world.exports.rounds import Report


class Rounds(exports.Rounds):
    def run(self, task, documents):
        return [_report(task, document) for document in documents]


def _report(task, document):
    try:
        return Report(document.id, True, worker.work(task, document))
    except Err as error:
        return Report(document.id, False, error.value.value)
