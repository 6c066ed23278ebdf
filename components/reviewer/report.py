"""Findings as Markdown."""

from collections import Counter
from itertools import groupby

ORDER = ("error", "warning", "note")
VERDICTS = {
    "pass": "Nothing needs to be changed.",
    "attention": "Some things should be changed.",
    "fail": "Some things must be changed.",
}


def markdown(verdict, findings, shown):
    """The report: the verdict, the counts by rule, then the findings by document, the gravest `shown` of them.

    Arguments:
        findings: (severity, document, line, rule, message) of each.
    """
    listed = sorted(sorted(findings, key=lambda one: ORDER.index(one[0]))[:shown], key=lambda one: (one[1], one[2]))
    lines = [f"# Review: {verdict}", "", VERDICTS[verdict], "", *_table(findings)]
    for document, own in groupby(listed, key=lambda one: one[1]):
        lines += [f"## {document}", ""]
        lines += [f"- line {line}, {severity}, {rule}: {message}" for severity, _, line, rule, message in own]
        lines.append("")
    if len(findings) > len(listed):
        lines += [f"{len(findings) - len(listed)} more are counted above and not listed.", ""]
    return "\n".join(lines)


def _table(findings):
    if not findings:
        return []
    counts = Counter((ORDER.index(severity), severity, rule) for severity, _, _, rule, _ in findings)
    rows = [f"| {severity} | {rule} | {count} |" for (_, severity, rule), count in sorted(counts.items())]
    return ["| severity | rule | found |", "| --- | --- | --- |", *rows, ""]
