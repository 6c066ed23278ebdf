"""Judges values: whether their texts give instructions to a model, or hide something."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import store
from wit_world.exports.detector import DetectorError_Failed, DetectorError_InvalidValue, Verdict

from judging import CHECKS, judge, said
from places import NotJson, texts


class Detector(exports.Detector):
    def detect(self, value):
        without = _without()
        unknown = [name for name in without if name not in CHECKS]
        if unknown:
            raise Err(
                DetectorError_Failed(f"`without` names no check: {', '.join(unknown)}; there are {', '.join(CHECKS)}")
            )
        try:
            found = judge(texts(value), frozenset(without))
        except NotJson as problem:
            raise Err(DetectorError_InvalidValue(str(problem))) from None
        return Verdict(not found, said(found))


def _without():
    text = store.get("without")
    return [] if text is None else json.loads(text)
