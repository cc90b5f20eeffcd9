"""No spelling of an address, no name, link or redirect leads a FHIR read astray."""

import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from urllib3.util.connection import create_connection

from service.addresses import AddressRefused, Reach, judge, read_server, resolve
from service.catalogue import find
from service.clients import UNAUTHENTICATED, Client
from service.envelope import FhirAuthorization, HookRequest
from service.fhir_access import ClosedSource, FhirAccess, FhirSource
from service.fhir_client import FhirClient, FhirLimits, Query
from service.settings import Settings
from tests import faulty_fhir
from tests.faulty_fhir import BASE, FaultyFhir, bundle, says

TOKEN = "canary-9e2c.token"  # noqa: S105 - of no server
GOOD = f"https://fhir.example.org{BASE}"
PUBLIC = "93.184.216.34"
QUERY = {"conditions": Query("Condition?patient=p")}
LIMITS = FhirLimits(seconds=1, connect_seconds=0.5)

# As an attacker, or a mistake, may write the address of a FHIR server. None is read by a call
# of an unknown client, none when a client sends it beside its list, and none when it is on the
# list and the name leads where NAMES says.
URLS = [
    # Names of other machines, and of our own
    "https://internal.example.org/fhir",
    "https://loopback.example.org/fhir",
    "https://loopback6.example.org/fhir",
    "https://mapped.example.org/fhir",
    "https://nat64.example.org/fhir",
    "https://metadata.example.org/fhir",
    "https://mixed.example.org/fhir",
    "https://zone.example.org/fhir",
    "https://metadata.google.internal/computeMetadata/v1",
    "https://localhost.example.org/fhir",
    "https://127.0.0.1.nip.example/fhir",
    "https://LOCALHOST.localdomain/fhir",
    # Addresses as they are
    "https://10.1.2.3/fhir",
    "https://172.16.0.1/fhir",
    "https://192.168.1.1:8443/fhir",
    "https://100.64.0.1/fhir",
    "https://100.100.100.200/latest/meta-data",
    "https://168.63.129.16/machine",
    "https://169.254.169.254/latest/meta-data",
    "https://169.254.170.2/v2/credentials",
    "https://0.0.0.0/fhir",
    "https://224.0.0.1/fhir",
    "https://255.255.255.255/fhir",
    "https://240.0.0.1/fhir",
    "https://192.0.2.1/fhir",
    # IPv6
    "https://[fe80::1]/fhir",
    "https://[fe80::1%25eth0]/fhir",
    "https://[fc00::1]/fhir",
    "https://[fd00:ec2::254]/latest",
    "https://[::]/fhir",
    "https://[ff02::1]/fhir",
    "https://[::ffff:127.0.0.1]/fhir",
    "https://[::ffff:a9fe:a9fe]/latest",
    "https://[::127.0.0.1]/fhir",
    "https://[64:ff9b::7f00:1]/fhir",
    "https://[64:ff9b:1::a9fe:a9fe]/fhir",
    "https://[2002:7f00:1::]/fhir",
    "https://[2001:0:7f00:1::]/fhir",
    "https://[::1/fhir",
    # Addresses in disguise
    "https://2130706433/fhir",
    "https://0177.0.0.1/fhir",
    "https://0x7f.0.0.1/fhir",
    "https://0x7f000001/fhir",
    "https://127.1/fhir",
    "https://127.0.1/fhir",
    "https://0/fhir",
    "https://127.0.0.1./fhir",
    "https://00000127.0.0.1/fhir",
    "https://127。0。0。1/fhir",
    "https://①②⑦.⓪.⓪.①/fhir",
    "http://2852039166/latest",
    # Hosts in disguise
    "https://localhost./fhir",
    "https://ⓛocalhost/fhir",
    "https://fhir.example.org@127.0.0.1/fhir",
    "https://127.0.0.1@evil.example/fhir",
    "https://user:password@fhir.example.org/fhir",
    "https://fhir.example.org%40127.0.0.1/fhir",
    "https://127.0.0.1%00.example.org/fhir",
    "https://127.0.0.1#@fhir.example.org/fhir",
    "https://127.0.0.1?@fhir.example.org/fhir",
    "https://127.0.0.1\\@fhir.example.org/fhir",
    "https:\\\\127.0.0.1\\fhir",
    "https:/127.0.0.1/fhir",
    "https:127.0.0.1/fhir",
    "//127.0.0.1/fhir",
    "https:///127.0.0.1/fhir",
    "https://127.0.0.1\t.example.org/fhir",
    "https://127.0.0.1\r\nHost: evil/fhir",
    " https://127.0.0.1/fhir\u3000",
    "https://\u0435xample.org/fhir",  # a Cyrillic letter
    "https://-/fhir",
    "https://a..b/fhir",
    # Other schemes, other ports
    "http://fhir.example.org/fhir",
    "http://10.1.2.3/fhir",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "ftp://127.0.0.1/",
    "dict://127.0.0.1:11211/stats",
    "javascript:alert(1)",
    "https://127.0.0.1:0/fhir",
    "https://127.0.0.1:65536/fhir",
    "https://127.0.0.1:-1/fhir",
    "https://127.0.0.1:443:80/fhir",
    "https://127.0.0.1:٤٤٣/fhir",
    # Paths
    "http://127.0.0.1:8080/fhir/../admin",
    "http://127.0.0.1:8080/fhir/%2e%2e/admin",
    "http://127.0.0.1:8080/fhir?x=",
    "http://127.0.0.1:8080/fhir#",
    "http://127.0.0.1:8080/fhir;/../x y",
    "x" * 100_000,
]

NAMES = {
    "fhir.example.org": [PUBLIC],
    "evil.example": [PUBLIC],
    "internal.example.org": ["10.1.2.3"],
    "loopback.example.org": ["127.0.0.1"],
    "loopback6.example.org": ["::1"],
    "mapped.example.org": ["::ffff:127.0.0.1"],
    "nat64.example.org": ["64:ff9b::a9fe:a9fe"],
    "metadata.example.org": ["169.254.169.254"],
    "mixed.example.org": [PUBLIC, "10.1.2.3"],
    "zone.example.org": ["fe80::1%eth0"],
    "metadata.google.internal": ["169.254.169.254"],
    "localhost.example.org": ["127.0.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "localhost.localdomain": ["127.0.0.1"],
}


def names(host: str, port: int) -> Sequence[str]:
    """Resolve the names of the tests, and numbers as the system reads them."""
    if host in NAMES:
        return NAMES[host]
    found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
    return [str(entry[4][0]) for entry in found]


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every connection of any socket, and make none."""
    made: list[str] = []

    def connect(_: socket.socket, address: Any) -> None:
        made.append(str(address[0]))
        raise ConnectionRefusedError

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, connect)
    return made


@pytest.fixture(scope="module")
def reader() -> Iterator[FhirClient]:
    reader = FhirClient(LIMITS, lookup=names)
    yield reader
    reader.close()


def asked_for(url: str, token: str | None = TOKEN) -> HookRequest:
    return HookRequest(
        service=find("back-pain-order-sign"),
        hook="order-sign",
        instance="i",
        patient_id="p",
        fhir_server=url,
        fhir_authorization=FhirAuthorization(token) if token else None,
    )


def registered(*urls: str, **more: Any) -> Client:
    servers = frozenset(url.rstrip("/") for url in urls)
    return Client("ehr", "https://ehr.example.org", None, servers, **more)


def source(url: str, client: Client, reader: FhirClient, **settings: Any) -> FhirSource | None:
    return opened(FhirAccess(Settings(**settings), reader=reader), asked_for(url), client)


def opened(access: FhirAccess, request: HookRequest, client: Client) -> FhirSource | None:
    """Return the source if it is open; one that is closed gives nothing."""
    found = access.source(request, client)
    if isinstance(found, ClosedSource):
        assert found.read(QUERY) == {}
        return None
    return found


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_unknown_client_leads_nowhere(
    url: str, reader: FhirClient, connected: list[str]
) -> None:
    assert source(url, UNAUTHENTICATED, reader) is None
    assert connected == []


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_known_client_leads_nowhere_but_to_its_servers(
    url: str, reader: FhirClient, connected: list[str]
) -> None:
    assert source(url, registered(GOOD), reader) is None
    assert connected == []


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
def test_listed_server_is_judged_all_the_same(
    url: str, reader: FhirClient, connected: list[str]
) -> None:
    found = source(url, registered(url), reader)

    faults = {"refused"} if found is None else {found.read(QUERY)["conditions"].fault}
    assert faults <= {"refused", "unreachable"}
    assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        GOOD + "/../admin",
        GOOD + "/x",
        GOOD.removesuffix("/r4"),
        GOOD.replace("https", "http"),
        GOOD.replace("https", "HTTPS"),
        GOOD.replace(".org", ".org:443"),
        GOOD.replace(".org", ".org."),
        GOOD.replace(".org", ".org.evil.example"),
        GOOD.replace("fhir.", "FHIR."),
        GOOD.replace("https://", "https://x@"),
        GOOD + "?",
        GOOD + "#",
        GOOD + "%2f",
        GOOD + "\\",
    ],
)
def test_server_is_listed_letter_for_letter(
    url: str, reader: FhirClient, connected: list[str]
) -> None:
    assert source(url, registered(GOOD), reader) is None
    assert connected == []


def test_listed_server_is_connected_to(reader: FhirClient, connected: list[str]) -> None:
    found = source(GOOD + "/", registered(GOOD), reader)

    assert found is not None
    assert found.read(QUERY)["conditions"].fault == "unreachable"
    assert connected == [PUBLIC]


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("10.1.2.3", True),
        ("172.31.255.1", True),
        ("192.168.1.1", True),
        ("fd12:3456::1", True),
        (PUBLIC, True),
        ("127.0.0.1", False),
        ("::1", False),
        ("169.254.169.254", False),
        ("169.254.1.1", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("fd20:ce::254", False),
        ("100.100.100.200", False),
        ("168.63.129.16", False),
        ("::ffff:10.1.2.3", False),
        ("64:ff9b::a01:203", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("100.64.0.1", False),
        ("192.0.0.8", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
    ],
)
def test_private_network_is_reached_only_if_the_operator_says_so(
    address: str, reached: bool, connected: list[str]
) -> None:
    reader = FhirClient(LIMITS, lookup=lambda *_: [address])
    url = "https://fhir.hospital.example/r4"
    allowed = source(url, registered(url, private_network=True), reader)
    refused = source(url, registered(url), reader)
    assert allowed is not None
    assert refused is not None

    allowed.read(QUERY)
    assert connected == ([address] if reached else [])
    if address != PUBLIC:
        assert refused.read(QUERY)["conditions"].fault == "refused"
        assert connected == ([address] if reached else [])
    reader.close()


@pytest.mark.parametrize("address", ["10.1.2.3", PUBLIC, "169.254.169.254", "::ffff:127.0.0.1"])
def test_localhost_is_this_machine_and_no_other(address: str, connected: list[str]) -> None:
    reader = FhirClient(LIMITS, lookup=lambda *_: [address])
    found = source("http://localhost:8080/fhir", UNAUTHENTICATED, reader)
    assert found is not None

    assert found.read(QUERY)["conditions"].fault == "refused"
    assert connected == []
    reader.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/fhir",
        "http://127.0.0.1/fhir",
        "http://[::1]:8080/",
        "https://[::1]",
    ],
)
@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        pytest.param({}, True, id="loopback-only"),
        pytest.param({"host": "0.0.0.0"}, False, id="open"),  # noqa: S104
        pytest.param({"clients_file": Path("clients.toml")}, False, id="with-clients"),
    ],
)
def test_unknown_client_has_this_machine_read_only_while_nobody_else_calls(
    url: str, settings: dict[str, Any], allowed: bool, reader: FhirClient
) -> None:
    assert (source(url, UNAUTHENTICATED, reader, **settings) is not None) is allowed


@pytest.mark.parametrize(
    ("token", "without_token", "allowed"),
    [(TOKEN, False, True), (TOKEN, True, True), (None, True, True), (None, False, False)],
)
def test_token_is_needed_unless_the_operator_says_otherwise(
    token: str | None, without_token: bool, allowed: bool, reader: FhirClient
) -> None:
    client = registered(GOOD, fhir_without_token=without_token)

    found = opened(FhirAccess(Settings(), reader=reader), asked_for(GOOD, token), client)

    assert (found is not None) is allowed
    assert found is None or found.server.token == token


@pytest.mark.parametrize(
    "token", [f"{TOKEN}\r\nHost: evil", f"{TOKEN} x", TOKEN + "é", "x" * 20_000]
)
def test_token_that_would_break_the_header_is_not_sent(
    token: str, reader: FhirClient, connected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    access = FhirAccess(Settings(), reader=reader)

    assert opened(access, asked_for(GOOD, token), registered(GOOD)) is None
    assert connected == []
    assert caplog.messages == ["fhir_server_refused client=ehr reason=a token that is no token"]


def test_refusal_repeats_nothing_of_the_caller(
    reader: FhirClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for url in URLS:
        source(url, UNAUTHENTICATED, reader)
        source(url, registered(url), reader)

    assert [
        text for text in ("127", "example", "localhost", TOKEN) if text in caplog.text
    ] == []


@pytest.mark.parametrize("reach", Reach)
def test_no_address_is_no_way(reach: Reach) -> None:
    assert judge("", reach) == "no IP address"
    assert judge("localhost", reach) == "no IP address"
    with pytest.raises(AddressRefused):
        resolve("fhir.example.org", 443, reach, lambda *_: ["fhir.example.org"])


LINKS = [
    "https://evil.example/fhir/r4/Condition?page=2",
    "http://fhir.example.org/fhir/r4/Condition?page=2",
    "https://fhir.example.org:8443/fhir/r4/Condition?page=2",
    "https://fhir.example.org/admin",
    "https://fhir.example.org/fhir/r4evil",
    "https://fhir.example.org/fhir/r4/../admin",
    "https://fhir.example.org/fhir/r4/%2e%2e/admin",
    "https://fhir.example.org/fhir/r4/.%2E/admin",
    "https://fhir.example.org/fhir/r4/..%2fadmin",
    "https://fhir.example.org/fhir/r4/..%5cadmin",
    "https://fhir.example.org/fhir/r4/%252e%252e/admin",
    "https://x@fhir.example.org/fhir/r4/Condition",
    "https://fhir.example.org@evil.example/fhir/r4/Condition",
    "https://fhir.example.org.evil.example/fhir/r4/Condition",
    "https://fhir.example.org\\@evil.example/fhir/r4/Condition",
    "https://fhir.example.org:bad/fhir/r4/Condition",
    "https://[::1/fhir/r4/Condition",
    "//evil.example/fhir/r4/Condition",
    "/admin",
    "../admin",
    "../../admin",
    "..\\admin",
    "Condition?page=2#x",
    "Condition?page=2\r\nHost: evil.example",
    "Condition? page=2",
    "Condition?page=²",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("link", LINKS)
def test_page_elsewhere_is_not_read(link: str) -> None:
    assert read_server(GOOD).within(link) is None


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("Condition?page=2", f"{GOOD}/Condition?page=2"),
        ("?_getpages=1&_format=json", f"{GOOD}/?_getpages=1&_format=json"),
        (f"{GOOD}?_getpages=1", f"{GOOD}?_getpages=1"),
        (f"{GOOD}/Condition?code=a|b", f"{GOOD}/Condition?code=a|b"),
        ("/fhir/r4/Condition/_page/2", f"{GOOD}/Condition/_page/2"),
        ("HTTPS://FHIR.example.org:443/fhir/r4/Condition", f"{GOOD}/Condition"),
        (f"{GOOD}/Condition?next=https://evil.example/@x", None),
    ],
)
def test_page_of_the_same_server_is_read(link: str, address: str | None) -> None:
    assert read_server(GOOD).within(link) == (address or link)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a key and a certificate of fhir.example.org, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fhir.example.org")])
    others = [x509.DNSName("fhir.example.org")]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no_password)
    path.write_bytes(private + signed.public_bytes(encoding))
    return path


@pytest.fixture(scope="module")
def public_server(certificate: Path) -> Iterator[FaultyFhir]:
    """Run a server with TLS; the connections below make it the one at PUBLIC."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with faulty_fhir.running(context) as server:
        yield server


@pytest.fixture
def public(public_server: FaultyFhir, monkeypatch: pytest.MonkeyPatch) -> FaultyFhir:
    """Lead connections to PUBLIC to the test's server, and note all."""
    public_server.seen.clear()
    public_server.told.clear()
    public_server.reached.clear()

    def redirected(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        public_server.reached.append(address[0])
        assert address == (PUBLIC, 443)
        return create_connection(("127.0.0.1", public_server.server_port), *args, **kwargs)

    monkeypatch.setattr("service.fhir_connections.create_connection", redirected)
    return public_server


def trusting(certificate: Path, *answers: list[str]) -> FhirClient:
    """Return a client whose resolver gives these answers, one after the other."""
    given = iter(answers)
    context = ssl.create_default_context(cafile=certificate)
    return FhirClient(LIMITS, lookup=lambda *_: next(given), context=context)


def closing(exchange: faulty_fhir.Exchange) -> None:
    """Answer, and have the client connect anew."""
    says(bundle(), Connection="close")(exchange)
    exchange.close_connection = True


def test_name_is_what_tls_checks_and_the_server_is_told(
    public: FaultyFhir, certificate: Path
) -> None:
    reader = trusting(certificate, [PUBLIC])
    found = source(GOOD, registered(GOOD), reader)
    assert found is not None

    assert found.read(QUERY)["conditions"].fault is None
    assert [headers["Host"] for _, headers in public.seen] == ["fhir.example.org"]
    reader.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"])
def test_name_that_changes_its_mind_is_not_followed(
    public: FaultyFhir, certificate: Path, address: str
) -> None:
    public.told["Condition"] = closing
    reader = trusting(certificate, [PUBLIC], [address], [PUBLIC])
    found = source(GOOD, registered(GOOD), reader)
    assert found is not None

    faults = [found.read(QUERY)["conditions"].fault for _ in range(3)]

    assert faults == [None, "refused", None]
    assert public.reached == [PUBLIC, PUBLIC]
    reader.close()


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/fhir",
        "https://169.254.169.254/latest/meta-data",
        "https://evil.example/fhir",
        GOOD + "/Condition?again",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(
    public: FaultyFhir, certificate: Path, location: str, status: int
) -> None:
    public.told["Condition"] = faulty_fhir.redirect(location, status)
    reader = trusting(certificate, [PUBLIC])
    found = source(GOOD, registered(GOOD), reader)
    assert found is not None

    assert found.read(QUERY)["conditions"].fault == "redirect"
    assert len(public.seen) == 1
    reader.close()


def test_certificate_of_another_name_is_refused(public: FaultyFhir, certificate: Path) -> None:
    reader = trusting(certificate, [PUBLIC])
    other = GOOD.replace("fhir.example", "ehr.example")
    found = source(other, registered(other), reader)
    assert found is not None

    assert found.read(QUERY)["conditions"].fault == "unreachable"
    assert public.seen == []
    reader.close()


def test_certificate_of_nobody_we_know_is_refused(public: FaultyFhir) -> None:
    reader = FhirClient(LIMITS, lookup=lambda *_: [PUBLIC])
    found = source(GOOD, registered(GOOD), reader)
    assert found is not None

    assert found.read(QUERY)["conditions"].fault == "unreachable"
    assert public.seen == []
    reader.close()


def test_every_way_in_is_another_one() -> None:
    assert len(set(URLS)) == len(URLS)
