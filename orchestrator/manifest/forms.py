"""Forms that several keys of the language share."""

from __future__ import annotations

from orchestrator.manifest import pipeline_build as build
from orchestrator.manifest import scalars
from orchestrator.manifest.paths import INTERFACE, LABEL, NAME, RESERVED
from orchestrator.manifest.scalar_shapes import Name, Parsed, Quantity, Text

STEPS_PATTERN = rf"(?:\.(?:{LABEL}|[0-9]+)|\?)*"

REF_PATTERN = rf"(?:inputs\.)?{NAME}{STEPS_PATTERN}"

PORT_PATTERN = rf"{NAME}(?:\.(?:{INTERFACE}|{LABEL}))?"

TARGET_PATTERN = rf"{NAME}(?:\.{LABEL})?"

MODULE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"

DURATION = Quantity(
    "duration", scalars.read_duration, scalars.DURATION, "5s", "`us`, `ms`, `s`, `m`, `h`", scalars.LONGEST_DURATION
)

WAIT = Quantity(
    "duration",
    scalars.read_duration,
    scalars.DURATION,
    "200ms",
    "`us`, `ms`, `s`, `m`, `h`",
    scalars.LONGEST_DURATION,
    zero=True,
)

SIZE = Quantity(
    "size", scalars.read_size, scalars.SIZE, "64MiB", "`B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`", scalars.LARGEST_SIZE
)

AMOUNT = Quantity(
    "size", scalars.read_size, scalars.SIZE, "10MiB", "`B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`",
    scalars.LARGEST_SIZE, zero=True,
)  # fmt: skip
"""A size that may be nothing."""

RATE = Quantity("rate", scalars.read_rate, scalars.RATE, "10/s", "`/s`, `/min`, `/h`", scalars.LARGEST_RATE)

TEXT = Text(empty=True)

LABEL_NAME = Name("a label")

CEL = Text("a CEL expression")

NODE_NAME = Name("a node's name", (RESERVED,))


INPUT_TYPE = Parsed("a WIT type, or `path`", "wit-type", build.read_type)

STEPS = Parsed("a path into the result", "path", build.read_steps, rf"\.|(?:{LABEL}|[0-9]+|\?){STEPS_PATTERN}")
