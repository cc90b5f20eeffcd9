"""Every package that the code imports is declared, and locked for the image."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.test_architecture import HOMES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKED = (ROOT / "deploy" / "requirements.txt").read_text("utf-8")
NAMES = {"fhir": "fhir-resources", "jwt": "pyjwt", "markdown_it": "markdown-it-py"}
DECLARED = {re.split(r"[\[<>=]", each)[0].replace(".", "-") for each in PROJECT["dependencies"]}


@pytest.mark.parametrize("package", HOMES)
def test_package_that_is_imported_is_declared(package: str) -> None:
    assert NAMES.get(package, package.replace("_", "-")) in DECLARED


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_package_that_is_declared_is_locked(name: str) -> None:
    assert re.search(rf"^{name}==.+\\\n    --hash=sha256:", LOCKED, re.MULTILINE)
