"""What whoever runs a pipeline says of it: ceilings, values of secrets, and addresses that are no public ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.manifest.model import EMPTY, Ceiling

if TYPE_CHECKING:
    from orchestrator.capability.addresses import Network


@dataclass(frozen=True, slots=True)
class Operator:
    """What whoever runs a pipeline says of it.

    Arguments:
        secrets: the value of each secret, by its name; never shown.
        networks: addresses of the network that are no public ones and that a granted request may go to.
        ceilings: what no node gets past; all of them hold.
    """

    secrets: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    networks: tuple[Network, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()


NOBODY = Operator()
"""Whoever runs a pipeline and says nothing of it."""
