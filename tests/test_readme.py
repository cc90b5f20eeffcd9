"""The README's example is what the service answers, and its links lead somewhere."""

import json
import re
from pathlib import Path

from flask.testing import FlaskClient

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SHOWN = ("summary", "indicator", "detail", "source")


def test_the_card_shown_is_the_card_answered(client: FlaskClient) -> None:
    path = re.search(r"-d @(\S+)", README)
    shown = re.search(r"<!-- card -->\n```json\n(.*?)```", README, re.DOTALL)
    assert path
    assert shown
    answer = client.post(
        "/cds-services/back-pain-order-sign",
        data=(ROOT / path[1]).read_bytes(),
        content_type="application/json",
    ).get_json()

    (card,) = answer["cards"]
    assert json.loads(shown[1]) == {name: card[name] for name in SHOWN}
    assert card["suggestions"][0]["actions"][0]["type"] == "delete"


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    local = [link for link in links if not link.startswith("http")]

    assert local
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_it_says_first_that_no_clinician_has_reviewed_it() -> None:
    first_screen = README[: README.index("## Start it")]

    assert "Not reviewed by a clinician, and not a medical device" in first_screen
