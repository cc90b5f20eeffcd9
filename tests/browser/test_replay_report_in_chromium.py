"""The report of a replay, as a browser opens the file."""

from pathlib import Path
from typing import Any

import pytest

from service.replay import Reply, Verdict
from tests.test_replay_report import CARD, drawn, outcome

pytestmark = pytest.mark.browser
axe = pytest.importorskip("axe_playwright_python.sync_playwright")


@pytest.fixture
def report(chromium: Any, tmp_path: Path) -> Any:
    told = "--- expected\n+++ answered\n@@ -1 +1 @@\n-old\n+new\n same"
    warning = Reply(200, {"cards": [{**CARD, "indicator": "warning"}]})
    changed = outcome(Verdict.DIFFERENT, difference=told, reply=warning)
    file = tmp_path / "report.html"
    file.write_text(drawn(outcome(), changed, outcome(Verdict.NEW)), "utf-8")
    page = chromium.new_page()
    page.goto(file.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(report: Any, scheme: str) -> None:
    report.emulate_media(color_scheme=scheme)
    report.get_by_role("button", name="Open all").click()
    found = axe.Axe().run(report).response["violations"]

    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


def test_bar_opens_its_request(report: Any) -> None:
    report.get_by_role("link", name="one-request").first.click()

    assert report.locator("#request-1").get_attribute("open") is not None
