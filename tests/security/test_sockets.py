"""`sockets`: no grant opens one."""

from __future__ import annotations

import pytest

from tests.security.conftest import Attack, Refused

RULE = "sockets: never"


@pytest.mark.parametrize(
    ("code", "operation"),
    [
        ("tcp_create_socket.create_tcp_socket(network.IpAddressFamily.IPV4)", "sockets tcp"),
        ("tcp_create_socket.create_tcp_socket(network.IpAddressFamily.IPV6)", "sockets tcp"),
        ("udp_create_socket.create_udp_socket(network.IpAddressFamily.IPV4)", "sockets udp"),
        ("ip_name_lookup.resolve_addresses(instance_network.instance_network(), 'localhost')", "sockets lookup"),
    ],
)
def test_a_socket_is_refused_by_the_standard_s_own_error(attack: Attack, code: str, operation: str) -> None:
    imports = (
        "from wit_world.imports import network, instance_network, ip_name_lookup\n"
        "from wit_world.imports import tcp_create_socket, udp_create_socket\n"
    )
    guest = attack()
    with pytest.raises(Refused, match=r"^Err: <ErrorCode\.ACCESS_DENIED: "):
        guest.run(imports + code)
    assert guest.denied() == [(operation, "", RULE)]
    assert guest.run("result = 1") == 1


def test_the_library_of_the_language_gets_nowhere_either(attack: Attack) -> None:
    guest = attack()
    with pytest.raises(Refused):
        guest.run("socket.create_connection(('127.0.0.1', 80), timeout=1)")
