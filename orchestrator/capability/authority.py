"""All grants of one node together: refused with every reason, or prepared as the authority of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.capability import environment, http, secrets, stdio, storage
from orchestrator.capability.addresses import Network
from orchestrator.capability.clock import Time
from orchestrator.capability.random import Numbers
from orchestrator.capability.storage import GrantInput, Preopen
from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import RunError
from orchestrator.manifest.model import Grants, Stdio, Where


@dataclass(frozen=True, slots=True)
class Authority:
    """What an instance may reach.

    Arguments:
        preopens: folders of the host, and where the guest sees them.
        environment: names and values of the guest's environment, sorted by name.
        http: requests that it may send.
        secrets: what the host adds to them.
        networks: addresses that the operator lets them go to, beside public ones.
        clock: what it is told of the time.
        random: which random numbers it gets.
        stdio: where the guest's standard output and error go.
    """

    preopens: tuple[Preopen, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    http: tuple[http.Rule, ...] = ()
    secrets: tuple[secrets.Rule, ...] = ()
    networks: tuple[Network, ...] = ()
    clock: Time = Time()
    random: Numbers = Numbers()
    stdio: Stdio = "captured"


def validate(grants: Grants, node: str, where: Where, inputs: Mapping[str, GrantInput]) -> tuple[Diagnostic, ...]:
    """Every reason why the grants are refused; nothing of the host is looked at.

    Arguments:
        node: the node's name.
        where: where its grants stand.
        inputs: the pipeline's inputs with resolved types.
    """
    return (
        *storage.validate(grants.storage, node, where.at("storage"), inputs),
        *environment.validate(grants.environment, node, where.at("environment")),
        *stdio.validate(grants.stdio, node, where.at("stdio")),
    )


def prepare(grants: Grants, inputs: Mapping[str, Any], folder: Path, node: str = "") -> Authority:
    """The authority of an instance for one run.

    Arguments:
        grants: grants that `validate` does not refuse.
        inputs: the run's inputs by name. A relative path is taken from `folder`: who gives it from elsewhere (a command
            line, a caller) makes it absolute first.
        folder: where relative paths of the manifest start.
        node: the node, for the error.

    Raises RunError for a folder that is missing, is no directory or may not be read or written.
    """
    try:
        preopens = tuple(storage.prepare(grant, inputs, folder) for grant in grants.storage)
    except storage.NotGranted as error:
        raise RunError(str(error), node=node) from None
    return Authority(
        preopens,
        environment.prepare(grants.environment),
        http.prepare(grants.http, inputs),
        (),
        (),
        Time(grants.clock, grants.clock_at),
        Numbers(grants.random, grants.random_seed),
        grants.stdio,
    )
