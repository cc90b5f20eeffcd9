"""Settings come from the environment; what cannot be used stops the start."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from service.settings import PREFIX, Settings, SettingsError, read_settings


def test_defaults_serve_this_machine_only() -> None:
    settings = read_settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.workers, settings.threads) == (2, 8)
    assert settings.serves_loopback_only
    assert settings.request_extensions_allowed


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_PORT", "8123")
    monkeypatch.setenv("BACK_PAIN_CDS_LOG_LEVEL", "warning")

    settings = read_settings()

    assert (settings.port, settings.log_level) == (8123, "WARNING")


def test_override_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_PORT", "8123")

    assert read_settings({"port": 9000}).port == 9000


def test_override_of_none_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_PORT", "8123")

    assert read_settings({"port": None}).port == 8123


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("BACK_PAIN_CDS_PROT", "BACK_PAIN_CDS_PORT", id="letters-swapped"),
        pytest.param("BACK_PAIN_CDS_WORKER", "BACK_PAIN_CDS_WORKERS", id="singular"),
        pytest.param("BACK_PAIN_CDS_CORS_ORIGIN", "BACK_PAIN_CDS_CORS_ORIGINS", id="long"),
    ],
)
def test_unknown_name_stops_and_says_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")

    with pytest.raises(SettingsError) as caught:
        read_settings()

    assert str(caught.value) == f"{name} is not a setting. Was {meant} meant?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("PORT", "hunter2", id="port-is-no-number"),
        pytest.param("PORT", "70000", id="port-too-high"),
        pytest.param("WORKERS", "0", id="no-workers"),
        pytest.param("LOG_LEVEL", "hunter2", id="unknown-level"),
        pytest.param("CANONICAL_BASE", "hunter2", id="base-is-no-address"),
        pytest.param("CANONICAL_BASE", "https://:1", id="base-without-host"),
        pytest.param("PUBLIC_BASE_URLS", "https://?", id="address-without-host"),
        pytest.param("PUBLIC_BASE_URLS", "https://:8443/x", id="address-of-a-port"),
        pytest.param("PUBLIC_BASE_URLS", "https://a.example:port", id="address-no-port"),
        pytest.param("PUBLIC_BASE_URLS", "https://a.example?x", id="address-with-query"),
        pytest.param("PATIENT_KEY_SECRET", "123456789012345", id="short-secret"),
    ],
)
def test_unusable_value_is_named_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"BACK_PAIN_CDS_{name}", value)

    with pytest.raises(SettingsError, match=f"^BACK_PAIN_CDS_{name}: ") as caught:
        read_settings()

    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        pytest.param("127.0.0.1", True, id="ipv4"),
        pytest.param("127.8.0.1", True, id="any-of-127"),
        pytest.param("::1", True, id="ipv6"),
        pytest.param("localhost", True, id="name"),
        pytest.param("0.0.0.0", False, id="every-ipv4"),  # noqa: S104
        pytest.param("::", False, id="every-ipv6"),
        pytest.param("192.0.2.7", False, id="another-address"),
        pytest.param("cds.example.org", False, id="another-name"),
    ],
)
def test_request_extensions_follow_the_reach_of_the_host(host: str, *, loopback: bool) -> None:
    settings = Settings(host=host)

    assert settings.serves_loopback_only is loopback
    assert settings.request_extensions_allowed is loopback


@pytest.mark.parametrize("allowed", [True, False])
def test_request_extensions_can_be_set(*, allowed: bool) -> None:
    assert Settings(allow_request_extensions=allowed).request_extensions_allowed is allowed


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_CORS_ORIGINS", "https://a.example, https://b.example")

    assert read_settings().cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    "origin",
    [
        "https://.*",
        "https://*.example.org",
        "https://a.example/",
        "https://a.example/path",
        "https://a.example?",
        "a.example",
        "null",
        "https://",
        "https://user@a.example",
    ],
)
def test_origin_that_is_none_is_refused_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_CORS_ORIGINS", f"https://b.example,{origin}")

    with pytest.raises(SettingsError, match=r"must be \*, or origins such as https://ehr"):
        read_settings()


@pytest.mark.parametrize(
    "origin", ["*", "https://a.example", "http://LOCALHOST:3000", "http://[::1]:8000"]
)
def test_origin_is_taken_as_browsers_send_it(origin: str) -> None:
    assert Settings(cors_origins=(origin,)).cors_origins == (origin.lower(),)


def test_secret_may_be_left_out_or_long() -> None:
    assert Settings(patient_key_secret=SecretStr("")).patient_key_secret == SecretStr("")
    assert Settings(patient_key_secret=SecretStr("x" * 16)).patient_key_secret is not None


def test_settings_do_not_change_after_the_start() -> None:
    settings = Settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 9000


def test_every_setting_is_documented() -> None:
    page = Path(__file__).parent.parent / "docs" / "settings.md"
    text = page.read_text("utf-8")

    missing = [
        name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in text
    ]

    assert missing == []


@pytest.mark.parametrize("name", ["CANONICAL_BASE", "PUBLIC_BASE_URLS"])
def test_address_without_a_host_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"BACK_PAIN_CDS_{name}", "https://")

    with pytest.raises(SettingsError, match="must name a host"):
        read_settings()
