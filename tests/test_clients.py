"""The file of trusted clients is read as written, or refused with its name and the fault."""

from pathlib import Path

import pytest

from service.clients import Client, Clients, ClientsError, TrustedClient, load_clients
from tests.ehr import jwks, private_jwk, private_key, public_jwk

EXAMPLE = Path(__file__).parent.parent / "docs" / "clients.example.toml"

MINIMAL = """
[[client]]
name = "ehr"
issuer = "https://ehr.example.org"
jwks_urls = ["https://ehr.example.org/jwks.json"]
"""


def load(folder: Path, text: str) -> Clients:
    file = folder / "clients.toml"
    file.write_text(text, "utf-8")
    return load_clients(file)


def fault(folder: Path, text: str) -> str:
    """Return what the refusal says after the name of the file."""
    with pytest.raises(ClientsError) as refused:
        load(folder, text)
    file, _, said = str(refused.value).partition(": ")
    assert file == str(folder / "clients.toml")
    return said


def test_minimal_client_has_safe_defaults(tmp_path: Path) -> None:
    client = load(tmp_path, MINIMAL).trusted("https://ehr.example.org")

    assert client == TrustedClient(
        name="ehr",
        issuer="https://ehr.example.org",
        jwks_urls=("https://ehr.example.org/jwks.json",),
        jwks_file=None,
        algorithms=frozenset({"ES384", "RS384"}),
        tenants=frozenset(),
        fhir_servers=frozenset(),
        fhir_without_token=False,
        private_network=False,
        key_is_public=False,
    )
    assert client.caller(None) == Client("ehr", "https://ehr.example.org")


def test_full_client_is_read(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(public_jwk(private_key())))
    text = (
        MINIMAL
        + """
jwks_file = "keys.json"
algorithms = ["ES256"]
tenants = ["north", "south"]
fhir_servers = ["https://ehr.example.org/fhir/", "http://localhost:8101/fhir"]
fhir_without_token = true
private_network = true
key_is_public = true
"""
    )

    clients = load(tmp_path, text)

    assert clients.trusted("https://ehr.example.org") == TrustedClient(
        name="ehr",
        issuer="https://ehr.example.org",
        jwks_urls=("https://ehr.example.org/jwks.json",),
        jwks_file=tmp_path / "keys.json",
        algorithms=frozenset({"ES256"}),
        tenants=frozenset({"north", "south"}),
        fhir_servers=frozenset({"https://ehr.example.org/fhir", "http://localhost:8101/fhir"}),
        fhir_without_token=True,
        private_network=True,
        key_is_public=True,
    )
    assert clients.with_public_keys == ("ehr",)


def test_published_example_can_be_used(tmp_path: Path) -> None:
    key_file = tmp_path / "clinic-network.jwks.json"
    key_file.write_bytes(jwks(public_jwk(private_key())))

    clients = load(tmp_path, EXAMPLE.read_text("utf-8"))

    assert list(clients.by_issuer) == [
        "https://ehr.example.org",
        "https://id.clinics.example.net",
    ]
    assert clients.with_public_keys == ()


def test_published_example_shows_every_key() -> None:
    text = EXAMPLE.read_text("utf-8")

    assert [name for name in TrustedClient.model_fields if f"{name} = " not in text] == []


@pytest.mark.parametrize("issuer", ["https://ehr.example.org/", "", None, 5, ["x"], {}])
def test_other_issuer_is_not_trusted(tmp_path: Path, issuer: object) -> None:
    assert load(tmp_path, MINIMAL).trusted(issuer) is None


def test_key_location_is_the_file_then_the_token_then_the_first_address(tmp_path: Path) -> None:
    first, second = "https://a.example/jwks", "https://b.example/jwks"
    by_address = TrustedClient(name="a", issuer="a", jwks_urls=(first, second))
    by_file = TrustedClient(name="a", issuer="a", jwks_urls=(first,), jwks_file=tmp_path)

    assert by_address.key_location(None) == first
    assert by_address.key_location(second) == second
    assert by_file.key_location(first) == tmp_path


SANDBOX = MINIMAL.replace("https://ehr.example.org", "https://sandbox.cds-hooks.org")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "client: is missing"),
        ("client = []", "client: is empty"),
        ("client = 5", "client: must be a list"),
        ("client = [5]", "client number 1: must be a table"),
        ("[[client]", "Expected ']]' at the end of an array declaration"),
        (
            "[[clients]]",
            "client: is missing; clients: is no key of this file (known: client)",
        ),
        ("[[client]]", "client number 1: name: is missing"),
        (
            MINIMAL.replace('"ehr"', '"The EHR"'),
            "client 'The EHR': name: must be 1 to 63 small letters, digits, '.' and '-'",
        ),
        (MINIMAL.replace("issuer", "isuer"), "client 'ehr': issuer: is missing"),
        (
            MINIMAL + 'secret = "x"',
            "client 'ehr': secret: is no key of this file (known: name,",
        ),
        (MINIMAL + MINIMAL, "name 'ehr' is used 2 times"),
        (
            MINIMAL + MINIMAL.replace('"ehr"', '"ehr-2"'),
            "issuer 'https://ehr.example.org' is used 2 times",
        ),
        (
            MINIMAL.replace('issuer = "', 'issuer = " '),
            "client 'ehr': issuer: holds blanks at an end",
        ),
        (
            MINIMAL.replace('"https://ehr.example.org/jwks.json"', ""),
            "client 'ehr': needs jwks_urls or jwks_file",
        ),
        (
            MINIMAL.replace("https://ehr.example.org/jwks", "http://ehr.example.org/jwks"),
            "client 'ehr': jwks_urls: 0: must be an https address",
        ),
        (
            MINIMAL.replace("https://ehr.example.org/jwks", "file:///etc/jwks"),
            "client 'ehr': jwks_urls: 0: must be an https address",
        ),
        (
            MINIMAL + "algorithms = []",
            "client 'ehr': algorithms: is empty",
        ),
        (
            MINIMAL + 'algorithms = ["HS256"]',
            "client 'ehr': algorithms: 0: 'HS256' is none of ES256, ES384, ES512, RS256,",
        ),
        (MINIMAL + 'algorithms = ["none"]', "client 'ehr': algorithms: 0: 'none' is none of"),
        (MINIMAL + 'tenants = [""]', "client 'ehr': tenants: 0: is empty"),
        (
            MINIMAL + 'fhir_servers = ["http://ehr.example.org/fhir"]',
            "client 'ehr': fhir_servers: 0: must be an https address",
        ),
        (
            MINIMAL + 'fhir_servers = ["https://me:secret@ehr.example.org/fhir"]',
            "client 'ehr': fhir_servers: 0: must be an https address",
        ),
        (
            MINIMAL + 'fhir_servers = ["https://ehr.example.org/fhir?x"]',
            "client 'ehr': fhir_servers: 0: must be the base address of a FHIR server",
        ),
        (
            MINIMAL + 'fhir_servers = ["https://127.1/fhir"]',
            "client 'ehr': fhir_servers: 0: cannot be connected to: no host name",
        ),
        (
            MINIMAL + 'fhir_servers = ["https://ehr.example.org/fhir/../r4"]',
            "client 'ehr': fhir_servers: 0: cannot be connected to: the path has dots",
        ),
        (
            MINIMAL + 'jwks_file = "missing.json"',
            "client 'ehr': jwks_file {folder}/missing.json: No such file or directory",
        ),
        (
            MINIMAL + 'jwks_file = "clients.toml"',
            "client 'ehr': jwks_file {folder}/clients.toml: not a JWK Set",
        ),
        (
            MINIMAL + 'jwks_file = "private.json"',
            "client 'ehr': jwks_file {folder}/private.json: holds no public signature key",
        ),
        (SANDBOX, "client 'ehr': the private key of this issuer is published"),
        (
            SANDBOX.replace('.org"', '.org/"'),
            "client 'ehr': the private key of this issuer is published",
        ),
    ],
)
def test_fault_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "private.json").write_bytes(jwks(private_jwk(private_key())))

    assert fault(tmp_path, text).startswith(said.format(folder=tmp_path))


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    text = MINIMAL + 'algorithms = ["none"]\nsecret = 1\n' + "[[client]]"

    assert [part.split(": ")[:2] for part in fault(tmp_path, text).split("; ")][:3] == [
        ["client 'ehr'", "algorithms"],
        ["client 'ehr'", "secret"],
        ["client number 2", "name"],
    ]


@pytest.mark.parametrize(
    "text", [MINIMAL.replace('"ehr"', '"The EHR"'), MINIMAL + 'algorithms = ["none"]']
)
def test_a_list_is_not_called_short_because_of_an_entry_that_is_wrong(
    tmp_path: Path, text: str
) -> None:
    assert "; " not in fault(tmp_path, text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"

    with pytest.raises(ClientsError) as refused:
        load_clients(file)

    assert str(refused.value) == f"{file}: No such file or directory"


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    file.write_bytes(b"# \xff")

    with pytest.raises(ClientsError, match=r"clients\.toml: 'utf-8' codec can't decode"):
        load_clients(file)


def test_sandbox_may_call_a_test_system_that_says_so(tmp_path: Path) -> None:
    clients = load(tmp_path, SANDBOX + "key_is_public = true")

    assert clients.with_public_keys == ("ehr",)
