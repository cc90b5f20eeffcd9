"""The CDS clients that may call, from one TOML file: their keys, tenants and FHIR servers."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from service.addresses import AddressRefused, read_server
from service.keys import (
    KEY_KINDS,
    JwksError,
    Location,
    is_https_or_loopback,
    read_keys,
    read_location,
)

DEFAULT_ALGORITHMS = frozenset({"ES384", "RS384"})  # those CDS Hooks recommends

# Issuers whose private keys are published: anyone can sign in their name.
PUBLIC_TEST_ISSUERS = frozenset({"https://sandbox.cds-hooks.org"})
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
# The validator's words for what a writer of the file does most; it names Python's types.
_WORDS = {
    "missing": "is missing",
    "too_short": "is empty",
    "string_too_short": "is empty",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "string_type": "must be a text in quotes",
    "model_type": "must be a table",
}


class ClientsError(ValueError):
    """The file of trusted clients cannot be used; the text names the file and the fault."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who called, as far as the rest of the service needs to know."""

    name: str
    issuer: str
    tenant: str | None = None  # the organisation that the token named
    fhir_servers: frozenset[str] = frozenset()
    fhir_without_token: bool = False
    private_network: bool = False
    origin: str = ""  # the web page that called, of callers who are not authenticated

    @property
    def is_known(self) -> bool:
        """Say whether this is a client that a token proved."""
        return self.issuer != ""

    def allows_fhir_server(self, url: str) -> bool:
        """Say whether this FHIR server is on the client's list, slash at the end or not."""
        return url.rstrip("/") in self.fhir_servers


# Whoever calls a service that knows no clients.
UNAUTHENTICATED = Client("unauthenticated", "")


def _web_address(value: str) -> str:
    if not is_https_or_loopback(value):
        raise ValueError("must be an https address (http on loopback) without user or password")
    return value


def _fhir_base(value: str) -> str:
    if "?" in value or "#" in value:
        raise ValueError("must be the base address of a FHIR server, without ? and #")
    base = _web_address(value).rstrip("/")
    try:
        read_server(base)
    except AddressRefused as fault:
        raise ValueError(f"cannot be connected to: {fault}") from None
    return base


def _algorithm(value: str) -> str:
    if value not in KEY_KINDS:
        raise ValueError(f"{value!r} is none of {', '.join(KEY_KINDS)}")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "must be 1 to 63 small letters, digits, '.' and '-', a letter or digit first"
        )
    return value


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("holds blanks at an end, or characters that cannot be printed")
    return value


Text = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class TrustedClient(BaseModel):
    """One ``[[client]]`` of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_name)]  # in logs and metrics
    issuer: Text  # "iss"
    jwks_urls: tuple[WebAddress, ...] = ()  # a "jku" must be one; the first when there is none
    jwks_file: Path | None = None  # instead of fetching; relative to the TOML file
    algorithms: Annotated[
        frozenset[Annotated[str, AfterValidator(_algorithm)]], Field(min_length=1)
    ] = DEFAULT_ALGORITHMS
    tenants: frozenset[Text] = frozenset()  # empty: any, or none
    fhir_servers: frozenset[Annotated[str, AfterValidator(_fhir_base)]] = frozenset()
    fhir_without_token: bool = False  # its FHIR servers may be asked without fhirAuthorization
    private_network: bool = False  # they may stand on a private network
    key_is_public: bool = False  # said of test clients, in whose name anyone can sign

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if not self.jwks_urls and self.jwks_file is None:
            raise ValueError("needs jwks_urls or jwks_file: where its public keys are")
        return self

    @model_validator(mode="after")
    def _is_secret(self) -> Self:
        if self.issuer.rstrip("/") in PUBLIC_TEST_ISSUERS and not self.key_is_public:
            raise ValueError(
                "the private key of this issuer is published, so that anyone can call in its "
                "name; on a test system say so with: key_is_public = true"
            )
        return self

    def accepts_jku(self, jku: object) -> bool:
        """Say whether a token of this client may name this address of its keys."""
        return jku in self.jwks_urls

    def key_location(self, jku: str | None) -> Location:
        """Return where the keys are, for a token that names an accepted address or none."""
        return self.jwks_file or jku or self.jwks_urls[0]

    def caller(self, tenant: str | None) -> Client:
        """Return who calls, without what only the check of a token needs."""
        return Client(
            self.name,
            self.issuer,
            tenant,
            self.fhir_servers,
            self.fhir_without_token,
            self.private_network,
        )


@dataclass(frozen=True, slots=True)
class Clients:
    """The trusted clients, by issuer."""

    by_issuer: Mapping[str, TrustedClient]

    def trusted(self, issuer: object) -> TrustedClient | None:
        """Return the client that signs as this issuer, or None."""
        return self.by_issuer.get(issuer) if isinstance(issuer, str) else None

    @property
    def with_public_keys(self) -> tuple[str, ...]:
        """The names of the clients in whose name anyone can sign."""
        return tuple(c.name for c in self.by_issuer.values() if c.key_is_public)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    client: Annotated[tuple[TrustedClient, ...], Field(min_length=1)]


def load_clients(path: Path) -> Clients:
    """Read and check the file of trusted clients, and the key files that it names."""
    table = _table(path)
    try:
        clients = _File.model_validate(table).client
    except ValidationError as error:
        raise ClientsError(f"{path}: {_explain(error, table)}") from None
    for fault in _faults(clients):
        raise ClientsError(f"{path}: {fault}")
    return Clients({client.issuer: client for client in clients})


def _table(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ClientsError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ClientsError(f"{path}: {error}") from None
    for client in _tables(table):
        if isinstance(client.get("jwks_file"), str):
            client["jwks_file"] = str(path.parent / str(client["jwks_file"]))
    return table


def _tables(table: Mapping[str, object]) -> Sequence[dict[str, object]]:
    clients = table.get("client")
    if not isinstance(clients, list):
        return ()
    return [client for client in clients if isinstance(client, dict)]


def _faults(clients: Sequence[TrustedClient]) -> Iterator[str]:
    for key in ("name", "issuer"):
        for value, times in Counter(getattr(client, key) for client in clients).items():
            if times > 1:
                yield f"{key} {value!r} is used {times} times"
    for client in clients:
        if client.jwks_file is not None and (fault := _key_file_fault(client.jwks_file)):
            yield f"client {client.name!r}: jwks_file {client.jwks_file}: {fault}"


def _key_file_fault(path: Path) -> str | None:
    try:
        usable = read_keys(read_location(path))
    except JwksError as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None if usable else "holds no public signature key with a kid that is of use here"


def _explain(error: ValidationError, table: Mapping[str, object]) -> str:
    found = error.errors()
    return "; ".join(_fault(each, table) for each in found if not _follows(each, found))


def _follows(fault: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Say whether a list is only too short because its entries were refused."""
    place = fault["loc"]
    return fault["type"] == "too_short" and any(
        other["loc"][: len(place)] == place for other in found if other["loc"] != place
    )


def _fault(details: ErrorDetails, table: Mapping[str, object]) -> str:
    """Return one fault with its place, as the writer of the file would name it."""
    place = [str(step) for step in details["loc"]]
    if place[:1] == ["client"] and len(place) > 1:
        tables = table["client"]
        known = tables[int(place[1])] if isinstance(tables, list) else {}
        name = known.get("name") if isinstance(known, dict) else None
        place[:2] = [f"client {name!r}" if name else f"client number {int(place[1]) + 1}"]
    text = _WORDS.get(details["type"], details["msg"].removeprefix("Value error, "))
    if details["type"] == "extra_forbidden":
        model = TrustedClient if len(place) > 1 else _File
        text = f"is no key of this file (known: {', '.join(model.model_fields)})"
    return ": ".join([*place, text])
