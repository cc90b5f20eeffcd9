"""Configuration, read once from environment variables that start with BACK_PAIN_CDS_."""

import difflib
import ipaddress
import os
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "BACK_PAIN_CDS_"


class SettingsError(ValueError):
    """The environment holds a setting that cannot be used; the text says which and why."""


def _web_address(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("must start with https:// or http://")
    return value.rstrip("/")


class Settings(BaseSettings):
    """What a deployment may choose; each field is the variable BACK_PAIN_CDS_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=8, ge=1, le=512)  # per worker
    max_body_bytes: int = Field(default=10_000_000, ge=1_000)
    canonical_base: Annotated[str, AfterValidator(_web_address)] = (
        "https://example.org/back-pain-cds"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ("*",)
    allow_request_extensions: bool | None = None  # None: while serving loopback only
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
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
            return self.serves_loopback_only
        return self.allow_request_extensions

    @property
    def override_reason_system(self) -> str:
        """The code system of the override reasons."""
        return f"{self.canonical_base}/CodeSystem/override-reason"

    @property
    def topic_system(self) -> str:
        """The code system of the topics, which are the ids of the rules."""
        return f"{self.canonical_base}/CodeSystem/rule"


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
        f"{PREFIX}{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )
    return "; ".join(faults)
