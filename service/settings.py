"""Configuration, read once from environment variables that start with BACK_PAIN_CDS_."""

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "BACK_PAIN_CDS_"
DATABASE_URL = "sqlite:///back-pain-cds.sqlite3"  # in the directory that it is started in
RETENTION_DAYS = 730
NOWHERE = frozenset({"", "none"})
ANY_ORIGIN = "*"
SHORTEST_SECRET = 16  # characters; a shorter one is guessed, and the hashes undone
_ORIGIN = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


class SettingsError(ValueError):
    """The environment holds a setting that cannot be used; the text says which and why."""


def _web_address(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("must start with https:// or http://")
    if not _has_host(value):
        raise ValueError("must name a host, as https://cds.example.org does, and no ? or #")
    return value.rstrip("/")


def _has_host(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises when it is no port
    except ValueError:
        return False
    return bool(parts.hostname) and "?" not in value and "#" not in value


def _base_url(value: str) -> str:
    """Take the address of the service, or that of its discovery, as it is often copied."""
    return _web_address(value).removesuffix("/cds-services")


def _origin(value: str) -> str:
    """Take an origin as browsers send it; flask-cors would take more for a pattern."""
    if value != ANY_ORIGIN and not _ORIGIN.fullmatch(value.lower()):
        raise ValueError("must be *, or origins such as https://ehr.example.org: no path, no *")
    return value.lower()


def _secret(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters, or be left out")
    return value


class Settings(BaseSettings):
    """What a deployment may choose; each field is the variable BACK_PAIN_CDS_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=8, ge=1, le=512)  # per worker
    max_body_bytes: int = Field(default=10_000_000, ge=1_000)
    most_drafts: int = Field(default=100, ge=1)  # a call
    most_resources: int = Field(default=5_000, ge=1)  # in the prefetch of a call
    most_depth: int = Field(default=64, ge=8, le=200)  # of a draft; orjson writes 254
    request_seconds: float = Field(default=10, gt=0)
    fhir_budget_seconds: float = Field(default=2, gt=0)  # for all FHIR reads of a call
    fhir_connect_seconds: float = Field(default=0.5, gt=0)  # of these, for each connection
    calls_per_minute: int = Field(default=0, ge=0)  # a client and worker; 0: no limit
    clients_file: Path | None = None
    public_base_urls: Annotated[
        tuple[Annotated[str, AfterValidator(_base_url)], ...], NoDecode
    ] = ()
    token_leeway_seconds: int = Field(default=60, ge=0, le=600)
    token_lifetime_seconds: int = Field(default=3_600, ge=60, le=86_400)
    keys_unread_seconds: int = Field(default=86_400, ge=600)  # then unreadable keys are refused
    database_url: SecretStr = SecretStr(DATABASE_URL)
    retention_days: int = Field(default=RETENTION_DAYS, ge=1)  # for "db purge"
    patient_key_secret: Annotated[SecretStr, AfterValidator(_secret)] = SecretStr("")
    canonical_base: Annotated[str, AfterValidator(_web_address)] = (
        "https://example.org/back-pain-cds"
    )
    site_file: Path | None = None
    care_plan_quiet_days: int = Field(default=0, ge=0, le=365)  # 0: shown at every opening
    cors_origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode] = (
        ANY_ORIGIN,
    )
    allow_request_extensions: bool | None = None  # None: on loopback, without clients
    metrics: bool = True
    conformance_first: int = Field(default=3, ge=0)  # calls of a client, in each worker
    conformance_every: int = Field(default=500, ge=0)  # then one in so many; 0: none
    workbench: bool = False  # pages to try orders on invented patients, at /
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"  # auto: text on a terminal

    @field_validator("cors_origins", "public_base_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def serves_loopback_only(self) -> bool:
        """Say whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def request_extensions_allowed(self) -> bool:
        """Say whether callers may choose the evaluation date and ask for a trace."""
        if self.allow_request_extensions is None:
            return self.serves_loopback_only and self.clients_file is None
        return self.allow_request_extensions

    @property
    def stores(self) -> bool:
        """Say whether cards and feedback are kept."""
        return self.database_url.get_secret_value().strip().lower() not in NOWHERE

    @property
    def audience_bases(self) -> tuple[str, ...]:
        """The addresses under which tokens may be meant for this service."""
        if self.public_base_urls or not self.serves_loopback_only:
            return self.public_base_urls
        names = dict.fromkeys((self.host, "127.0.0.1", "localhost"))
        hosts = (f"[{name}]" if ":" in name else name for name in names)
        return tuple(f"http://{host}:{self.port}" for host in hosts)


def read_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings; ``overrides`` win over the environment, unless they are None."""
    _refuse_unknown(os.environ)
    chosen = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _refuse_unknown(environ: Iterable[str]) -> None:
    """Stop at a variable that sets nothing: a typing error is not a default."""
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    for name in environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)[0]
            raise SettingsError(f"{name} is not a setting. Was {nearest} meant?")


def _explain(error: ValidationError) -> str:
    """Name each field that cannot be used, without its value: it may be a secret."""
    faults = (
        f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )
    return "; ".join(faults)
