"""Keys and passwords in texts."""

import math
import re
from collections import Counter

from findings import Found

_RULES = [
    (
        "private-key",
        "a private key",
        re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:.*?-----END [A-Z ]+-----)?", re.S),
    ),
    ("aws-key", "an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("github-token", "a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b")),
    ("slack-token", "a Slack token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("google-key", "a Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("api-key", "an API key", re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}\b")),
    ("web-token", "a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")),
    (
        "password-in-url",
        "a password in an address",
        re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]+:([^\s/:@\"'<>]{3,})@"),
    ),
    (
        "assigned-secret",
        "a secret that is assigned",
        re.compile(
            r"(?i)(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)[\"']?\s*[:=]\s*"
            r"[\"']?([A-Za-z0-9+/=_!@#$%^&*-]{12,})"
        ),
    ),
]
LEAST_ENTROPY = 3.2
REMOVED = "[removed]"


def check(documents):
    """Every key and password, without repeating it."""
    for document in documents:
        for rule, what, start, end in secrets(document.text):
            line = document.text.count("\n", 0, start) + 1
            message = f"{what} of {end - start} characters stands here; take it out, and replace it where it is used"
            yield Found(document.id, line, rule, "error", message)


def secrets(text):
    """(rule, what it is, where it begins, where it ends) of each secret, in order, none inside another."""
    found = sorted(_matches(text), key=lambda match: (match[2], -match[3]))
    reached = 0
    for rule, what, start, end in found:
        if start >= reached:
            yield rule, what, start, end
            reached = end


def removed(text):
    """The text with each secret taken out, and how many there were."""
    parts, at, count = [], 0, 0
    for _, _, start, end in secrets(text):
        parts += [text[at:start], REMOVED]
        at, count = end, count + 1
    return "".join([*parts, text[at:]]), count


def _matches(text):
    for rule, what, pattern in _RULES:
        for match in pattern.finditer(text):
            start, end = match.span(pattern.groups)
            if rule != "assigned-secret" or _looks_random(text[start:end]):
                yield rule, what, start, end


def _looks_random(value):
    """Whether a value is one that someone generated, rather than a word or a placeholder like `your-api-key-here`."""
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return entropy >= LEAST_ENTROPY and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
