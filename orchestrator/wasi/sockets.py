"""`wasi:sockets`: refused. No grant opens a socket; what asks for one gets the standard's `access-denied`.

The functions of sockets that were made are there by name, since a guest imports them whole; no guest ever has a socket
to call them with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.engine.host import HostResource, Refused
from orchestrator.errors import Trapped

if TYPE_CHECKING:
    from orchestrator.wasi.session import Session

_RULE = "sockets: never"


class _Network(HostResource):
    """The network that a guest can name, and that leads nowhere."""

    __slots__ = ()


def _refused(what: str) -> Any:
    def refuse(session: Session, *_values: object) -> None:
        session.told(f"sockets {what}", "", _RULE, False)
        raise Refused("access-denied")

    return refuse


def _impossible(session: Session, *_values: object) -> None:
    raise Trapped("the guest calls a function of a socket, and has none")


def _methods(resource: str, names: str) -> dict[str, Any]:
    return {f"[method]{resource}.{name}": _impossible for name in names.split()}


INTERFACES: dict[str, dict[str, Any]] = {
    "wasi:sockets/network": {},
    "wasi:sockets/instance-network": {"instance-network": lambda _session: _Network()},
    "wasi:sockets/ip-name-lookup": {
        "resolve-addresses": _refused("lookup"),
        **_methods("resolve-address-stream", "resolve-next-address subscribe"),
    },
    "wasi:sockets/tcp-create-socket": {"create-tcp-socket": _refused("tcp")},
    "wasi:sockets/udp-create-socket": {"create-udp-socket": _refused("udp")},
    "wasi:sockets/tcp": _methods(
        "tcp-socket",
        "start-bind finish-bind start-connect finish-connect start-listen finish-listen accept local-address "
        "remote-address is-listening address-family set-listen-backlog-size keep-alive-enabled set-keep-alive-enabled "
        "keep-alive-idle-time set-keep-alive-idle-time keep-alive-interval set-keep-alive-interval keep-alive-count "
        "set-keep-alive-count hop-limit set-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size "
        "set-send-buffer-size subscribe shutdown",
    ),
    "wasi:sockets/udp": {
        **_methods(
            "udp-socket",
            "start-bind finish-bind stream local-address remote-address address-family unicast-hop-limit "
            "set-unicast-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size set-send-buffer-size "
            "subscribe",
        ),
        **_methods("incoming-datagram-stream", "receive subscribe"),
        **_methods("outgoing-datagram-stream", "check-send send subscribe"),
    },
}
