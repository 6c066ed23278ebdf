"""From what was read of a node's grants and limits to the model; see `pipeline_build`."""

from __future__ import annotations

from typing import Any

from orchestrator.manifest import model, scalars
from orchestrator.manifest.container_shapes import Fields
from orchestrator.manifest.context import BAD, Bad, Context, Filled, Spot


def read_storage(_context: Context, fields: Fields) -> Any:
    """A granted folder."""
    if "path" not in fields.values or "at" not in fields.values:
        return BAD
    return model.Storage(
        fields.get("path"),
        fields.get("at"),
        fields.get("access", "read"),
        fields.get("quota"),
        fields.get("files"),
        fields.get("hidden", False),
        fields.get("optional", False),
    )


def read_http(_context: Context, fields: Fields) -> Any:
    """Granted addresses."""
    if "url" not in fields.values:
        return BAD
    return model.Http(
        fields.get("url"),
        fields.get("methods", ()) or model.METHODS,
        fields.get("max-request"),
        fields.get("max-response"),
        fields.get("timeout"),
        fields.get("optional", False),
        fields.get("trace", True),
    )


def read_secret(_context: Context, fields: Fields) -> Any:
    """A granted secret."""
    if not {"name", "to", "header"} <= fields.values.keys():
        return BAD
    return model.Secret(fields.get("name"), fields.get("to"), fields.get("header"), fields.get("optional", False))


def read_time(context: Context, filled: Filled, spot: Spot) -> float | Bad:
    """A time of day, in seconds since the epoch."""
    found = scalars.read_time(filled.text)
    if found is not None:
        return found
    help = "write date, time and zone, from 1970 on: `2026-01-01T00:00:00Z`"
    return context.error("time", f"{spot} is no time", filled.scalar, help=help)


def read_clock(_context: Context, fields: Fields) -> Any:
    """A clock: a word, or the time at which a fixed one stands."""
    found = fields.get("fixed")
    if found is None:
        return BAD
    return (found, None) if isinstance(found, str) else ("fixed", found)


def read_random(_context: Context, fields: Fields) -> Any:
    """Random numbers: a word, or the seed of those that repeat."""
    found = fields.get("seeded")
    if found is None:
        return BAD
    return (found, 0) if isinstance(found, str) else ("seeded", found)


def read_grants(_context: Context, fields: Fields) -> model.Grants:
    """The grants of a node."""
    clock, clock_at = fields.get("clock", ("none", None))
    random, seed = fields.get("random", ("none", 0))
    return model.Grants(
        storage=fields.get("storage", ()),
        http=fields.get("http", ()),
        secrets=fields.get("secrets", ()),
        environment=fields.get("environment", model.EMPTY),
        clock=clock,
        clock_at=clock_at,
        random=random,
        random_seed=seed,
        stdio=fields.get("stdio", "captured"),
        optional=fields.get("optional", False),
    )


def read_limits(_context: Context, fields: Fields) -> model.Limits:
    """The limits of a node."""
    return model.Limits(
        memory=fields.get("memory"),
        tables=fields.get("tables"),
        timeout=fields.get("timeout"),
        fuel=fields.get("fuel"),
        host_calls=fields.get("host-calls"),
        output=fields.get("output"),
        handles=fields.get("handles"),
        optional=fields.get("optional", False),
    )
