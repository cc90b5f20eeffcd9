"""``back-pain-cds demo``: what it prints, and what it refuses to start with."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.demo import command
from service.demo.command import announcement, sandbox_link
from service.settings import Settings


def test_announcement_names_every_address() -> None:
    said = announcement(Settings(port=9000), 9001)

    for link in (
        "http://localhost:9000/",
        "http://localhost:9000/rules",
        "http://localhost:9000/cds-services",
        "http://localhost:9001/fhir",
        "https://sandbox.cds-hooks.org/?",
    ):
        assert link in said


def test_announcement_says_how_the_browser_lets_the_sandbox_in() -> None:
    _, _, after = announcement(Settings(port=9000), 9001).partition("screen=rx-view")

    assert "The browser asks whether the page may reach this device: allow it." in after
    assert "In Chrome: site settings > Local network access." in after


def test_sandbox_opens_the_orders_of_a_patient() -> None:
    link = sandbox_link("http://localhost:8000", "http://localhost:8001/fhir", "sciatica")

    assert link == (
        "https://sandbox.cds-hooks.org/?fhirServiceUrl=http%3A%2F%2Flocalhost%3A8001%2Ffhir"
        "&serviceDiscoveryURL=http%3A%2F%2Flocalhost%3A8000%2Fcds-services"
        "&patientId=sciatica&hook=order-select&screen=rx-view"
    )


def test_pages_of_the_sandbox_may_have_the_patients_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = "https://sandbox.cds-hooks.org"
    usual = command._settings(8000, None).cors_origins
    monkeypatch.setenv("BACK_PAIN_CDS_CORS_ORIGINS", "https://a.example")
    chosen = command._settings(8000, None).cors_origins

    assert usual == ("*", sandbox)
    assert sandbox_link("", "").startswith(f"{sandbox}/?")
    assert chosen == ("https://a.example",)


def test_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(main, ["demo", "--fhir-port", str(port)])

    assert result.exit_code == 1
    assert f"Cannot listen on {port}" in result.output


def test_demo_does_not_start_where_callers_need_tokens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_CLIENTS_FILE", str(tmp_path / "clients.toml"))
    result = CliRunner().invoke(main, ["demo"])

    assert result.exit_code == 1
    assert "BACK_PAIN_CDS_CLIENTS_FILE" in result.output


def test_unusable_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_THREADS", "many")
    result = CliRunner().invoke(main, ["demo"])

    assert result.exit_code == 1
    assert "BACK_PAIN_CDS_THREADS" in result.output
