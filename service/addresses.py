"""Where FHIR reads may go: the address of a server, its pages, and the machines behind it.

Two doors, both closed unless opened: the text of an address is read by one strict grammar, and
the IP addresses that its name resolves to are judged anew for every connection, so that neither
an odd spelling nor a name that changes its mind leads into a network that was not meant.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote, urljoin, urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Sequence[str]]  # host and port to IP addresses; may raise OSError


class AddressRefused(ValueError):
    """An address that is not connected to; the text says why, and never quotes it."""


class Reach(Enum):
    """Which machines may be behind the name of a server."""

    PUBLIC = "public"
    PRIVATE = "private"  # public ones too: hospital servers are often both, by where one asks
    LOOPBACK = "loopback"  # and no other


# http or https; a host name in ASCII, an IPv4 address or an IPv6 address; a port; a plain path.
_SERVER = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9_.-]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[a-z0-9._~:,;=+$-]+)*)/*",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # the last label of 127.1 and 0x7f.1
_LINK = re.compile(r"[!-~]+", re.ASCII)  # visible characters; "\" and "#" are refused besides
_HIDDEN = ("%2f", "%5c", "%25")  # slashes that only a second reading of the path shows
_DOTS = frozenset({".", ".."})
_PORTS = range(1, 65_536)
_LONGEST_NAME = 253


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_LOOPBACK = _networks("127.0.0.0/8", "::1/128")

# RFC 1918 and RFC 4193.
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

# Reserved or deprecated, which Python 3.11 knows of only in part.
_SPECIAL = _networks(
    "192.0.0.8/32",  # dummy address (RFC 7600)
    "fec0::/10",  # site-local (RFC 3879)
    "3fff::/20",  # documentation (RFC 9637)
    "5f00::/16",  # segment identifiers (RFC 9602)
    "100:0:0:1::/64",  # dummy prefix (RFC 9780)
)

# Where clouds tell machines their secrets; most are link-local, and refused as such besides.
_METADATA = _networks(
    "169.254.169.254/32",  # AWS, Azure, Google Cloud, Oracle, OpenStack
    "169.254.170.2/32",  # tasks of AWS
    "100.100.100.200/32",  # Alibaba Cloud
    "168.63.129.16/32",  # Azure
    "192.0.0.192/32",  # Oracle Cloud
    "fd00:ec2::/32",  # AWS
    "fd20:ce::254/128",  # Google Cloud
    "fd00:42::42/128",  # Scaleway
)

# IPv6 addresses that lead to an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo.
_EMBEDDING = _networks(
    "::ffff:0:0/96",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "2001::/32",
)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The base address of a FHIR server, taken apart."""

    origin: str  # "https://ehr.example.org:8443"
    host: str  # "ehr.example.org"
    path: str  # "/fhir/r4", or empty

    @property
    def is_loopback(self) -> bool:
        """Say whether the name itself says that it is this very machine."""
        ip = _ip(self.host)
        return self.host == "localhost" or (ip is not None and _in(ip, _LOOPBACK))

    def within(self, link: str) -> str | None:
        """Return a link as an address under this base, or None when it leads elsewhere.

        The origin is always that of the base, as the operator wrote it.
        """
        if not _LINK.fullmatch(link) or "\\" in link or "#" in link:
            return None
        try:
            parts = urlsplit(urljoin(f"{self.origin}{self.path}/", link))
            origin = _origin(parts.scheme, parts.netloc)
        except ValueError:
            return None
        if origin != self.origin or not self._contains(parts.path):
            return None
        return f"{origin}{parts.path}?{parts.query}" if parts.query else origin + parts.path

    def _contains(self, path: str) -> bool:
        if any(hidden in path.lower() for hidden in _HIDDEN):
            return False
        if any(unquote(segment) in _DOTS for segment in path.split("/")):
            return False
        return path == self.path or path.startswith(f"{self.path}/")


def read_server(url: str) -> ServerAddress:
    """Take the base address of a FHIR server apart; raise :class:`AddressRefused`."""
    found = _SERVER.fullmatch(url)
    if found is None:
        raise AddressRefused("not a plain http or https address")
    path = found["path"]
    if any(segment in _DOTS for segment in path.split("/")):
        raise AddressRefused("the path has dots for a segment")
    if found["port"] and int(found["port"]) not in _PORTS:
        raise AddressRefused("no port")
    origin = _origin(found["scheme"], url.split("/")[2])
    host = found["host"].lower().strip("[]")
    _check_host(host, bracketed=found["host"].startswith("["))
    server = ServerAddress(origin, host, path)
    if found["scheme"].lower() == "http" and not server.is_loopback:
        raise AddressRefused("http to another machine")
    return server


def judge(address: str, reach: Reach) -> str | None:
    """Return why an IP address may not be connected to, or None when it may."""
    ip = _ip(address)
    if ip is None:
        return "no IP address"
    if _in(ip, _METADATA):
        return "metadata"
    if _in(ip, _LOOPBACK):
        return None if reach is Reach.LOOPBACK else "loopback"
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return "special"
    if _in(ip, _EMBEDDING) or _in(ip, _SPECIAL):
        return "special"
    if reach is Reach.LOOPBACK:
        return "not loopback"
    if _in(ip, _PRIVATE):
        return None if reach is Reach.PRIVATE else "private"
    return None if ip.is_global and not ip.is_reserved else "not public"


def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system which IP addresses a name has."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(host: str, port: int, reach: Reach, lookup: Lookup = look_up) -> Sequence[str]:
    """Return the addresses of a host when all of them may be connected to.

    One that may not be is enough to refuse: honest names do not mix networks, names that are
    meant to mislead do. Raise :class:`AddressRefused`, or OSError when there is no address.
    """
    addresses = lookup(host, port)
    for address in addresses:
        if fault := judge(address, reach):
            raise AddressRefused(f"{fault} address")
    return addresses


def _origin(scheme: str, netloc: str) -> str:
    """Return scheme, host and port in one spelling; raise ValueError when it has none."""
    scheme, netloc = scheme.lower(), netloc.lower()
    if "@" in netloc:
        raise AddressRefused("a user in the address")
    port = urlsplit(f"//{netloc}").port
    if port == 0:
        raise AddressRefused("no port")
    default = {"https": 443, "http": 80}.get(scheme)
    bare = netloc.rpartition(":")[0] if port is not None else netloc.removesuffix(":")
    return f"{scheme}://{bare}" if port in (None, default) else f"{scheme}://{bare}:{port}"


def _check_host(host: str, *, bracketed: bool) -> None:
    """Raise unless the host is a name, or an IP address in its one usual spelling."""
    ip = _ip(host)
    if bracketed or ip is not None:
        if ip is None or isinstance(ip, ipaddress.IPv6Address) is not bracketed:
            raise AddressRefused("no usual IP address")
        return
    labels = host.split(".")
    named = len(host) <= _LONGEST_NAME and all(map(_LABEL.fullmatch, labels))
    if not named or _NUMERIC.fullmatch(labels[-1]):
        raise AddressRefused("no host name")


def _ip(text: str) -> IPAddress | None:
    """Read an IP address; one with a zone ("%eth0") is none that can be judged."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _in(ip: IPAddress, networks: Sequence[Network]) -> bool:
    return any(ip in network for network in networks)
