"""Ask a TURN server the one thing that it answers to anybody: a Binding request of STUN (RFC 8489)."""

import re
import secrets
import socket
import ssl

MAGIC = bytes.fromhex("2112a442")
REQUEST, SUCCESS = bytes.fromhex("0001"), bytes.fromhex("0101")
HEADER = 20  # bytes
URL = re.compile(r"(?P<scheme>turns?|stuns?):(?P<host>\[[^]]+\]|[^:?]+)(?::(?P<port>\d+))?(?:\?transport=(?P<by>\w+))?")
PORTS = {"turn": 3478, "stun": 3478, "turns": 5349, "stuns": 5349}


def answers_to_stun(url: str, seconds: float) -> bool:
    """Say whether a server answers within so many seconds.

    Raises OSError if it cannot be reached, and ValueError for what is no such address (RFC 7065).
    """
    found = URL.fullmatch(url)
    if not found:
        raise ValueError(url)
    address = found["host"].strip("[]"), int(found["port"] or PORTS[found["scheme"]])
    is_secure = found["scheme"].endswith("s")
    ask = _by_datagram if found["by"] != "tcp" and not is_secure else _by_stream
    number = secrets.token_bytes(12)
    answer = ask(address, REQUEST + b"\0\0" + MAGIC + number, seconds, is_secure)
    return answer[:2] == SUCCESS and answer[4:HEADER] == MAGIC + number


def _by_datagram(address: tuple[str, int], request: bytes, seconds: float, is_secure: bool) -> bytes:
    family, kind, protocol, _, where = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as line:
        line.settimeout(seconds / 2)
        line.connect(where)
        line.send(request)
        try:
            return line.recv(1_500)
        except TimeoutError:
            line.send(request)  # a datagram may be lost
            return line.recv(1_500)


def _by_stream(address: tuple[str, int], request: bytes, seconds: float, is_secure: bool) -> bytes:
    with socket.create_connection(address, seconds) as plain:
        line = ssl.create_default_context().wrap_socket(plain, server_hostname=address[0]) if is_secure else plain
        with line:
            line.sendall(request)
            answer = b""
            while len(answer) < HEADER and (data := line.recv(HEADER - len(answer))):
                answer += data
            return answer
