"""Joins findings into a report."""

import json
from collections import Counter

from wit_world import exports
from wit_world.imports import store
from wit_world.imports.findings import Severity
from wit_world.exports.review import Summary, Verdict

from report import markdown

SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


class Review(exports.Review):
    def report(self, links, secrets, prose):
        findings = [
            (SEVERITIES[one.severity], one.id, one.line, one.rule, one.message) for one in [*secrets, *links, *prose]
        ]
        counts = Counter(severity for severity, *_ in findings)
        verdict = Verdict.FAIL if counts["error"] else Verdict.ATTENTION if counts["warning"] else Verdict.PASS
        text = markdown(verdict.name.lower(), findings, _shown())
        return Summary(verdict, counts["error"], counts["warning"], counts["note"], text)


def _shown():
    text = store.get("shown")
    return 50 if text is None else int(json.loads(text))
