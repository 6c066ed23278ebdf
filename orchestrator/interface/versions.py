"""Versions of packages: read, ordered, and whether one may stand in for another.

Source: Semantic Versioning 2.0.0, https://semver.org
"""

from __future__ import annotations

import re
from functools import lru_cache

from orchestrator.interface.types import Name

_SEMVER = re.compile(
    r"(\d{1,19})\.(\d{1,19})\.(\d{1,19})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)

Order = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


@lru_cache(maxsize=1024)
def order(version: str) -> Order | None:
    """A key that sorts versions as Semantic Versioning does; None for what is not a version."""
    match = _SEMVER.fullmatch(version)
    if match is None:
        return None
    major, minor, patch = (int(number) for number in match.groups()[:3])
    prerelease = match[4] or ""
    parts = tuple(_part(part) for part in prerelease.split(".")) if prerelease else ()
    return major, minor, patch, not prerelease, parts


def _part(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdigit() and len(part) < 20 else (True, 0, part)


def version_fits(wanted: str, offered: str) -> bool:
    """Whether something of version `offered` may answer what was built against `wanted`.

    It may when both are compatible by Semantic Versioning and `offered` is not older: the same major number, for `0.x`
    the same minor number, for `0.0.x` the same version. A prerelease fits only itself, and nothing older than it fits
    it. A side without a version fits all; texts that are no versions fit when they are equal.
    """
    if not wanted or not offered or wanted == offered:
        return True
    want, offer = order(wanted), order(offered)
    if want is None or offer is None:
        return False
    if not (want[3] and offer[3]):
        return want == offer
    fixed = 1 if want[0] else 2 if want[1] else 3
    return want[:fixed] == offer[:fixed] and want[:3] <= offer[:3]


def fits(wanted: Name, offered: Name) -> bool:
    """Whether the interface `offered` may answer an import of `wanted`: the same name, a version that fits."""
    return wanted.base == offered.base and version_fits(wanted.version, offered.version)
