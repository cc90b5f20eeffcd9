"""Who may import what, and how every module begins."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path.relative_to(ROOT)
    for top in ("cards", "service")
    for path in (ROOT / top).rglob("*.py")
)

# A package that is replaced one day is replaced in its home, and nowhere else.
HOMES: Mapping[str, frozenset[str]] = {
    "alembic": frozenset({"service/store.py", "service/migrations"}),
    "click": frozenset(
        {
            "service/checking.py",
            "service/cli.py",
            "service/command_output.py",
            "service/demo/command.py",
            "service/docs_command.py",
            "service/new_fixture_command.py",
            "service/record_command.py",
            "service/replay_command.py",
            "service/rules_command.py",
            "service/storage_commands.py",
        }
    ),
    "cryptography": frozenset({"service/signing.py"}),
    "fhir": frozenset({"service/conformance.py"}),
    "flask": frozenset(
        {
            "service/app.py",
            "service/demo/fhir_server.py",
            "service/routes.py",
            "service/server.py",
            "service/workbench/views.py",
        }
    ),
    "flask_cors": frozenset({"service/app.py", "service/demo/fhir_server.py"}),
    "granian": frozenset({"service/server.py"}),
    "jinja2": frozenset({"service/replay_report.py"}),
    "jsonschema": frozenset({"cards/rulebook.py", "cards/site.py", "service/envelope.py"}),
    "jsonschema_rs": frozenset({"service/envelope.py"}),
    "jwt": frozenset({"service/auth.py", "service/keys.py", "service/signing.py"}),
    "markdown_it": frozenset({"service/workbench/markup.py"}),
    "markupsafe": frozenset(
        {
            "service/replay_report.py",
            "service/workbench/card_views.py",
            "service/workbench/rule_pages.py",
        }
    ),
    "nh3": frozenset({"service/workbench/markup.py"}),
    "orjson": frozenset(
        {
            "service/app.py",
            "service/audit.py",
            "service/checking.py",
            "service/envelope.py",
            "service/feedback.py",
            "service/fhir.py",
            "service/fhir_client.py",
            "service/hooks_client.py",
            "service/openapi.py",
            "service/reading_dosages.py",
            "service/replay_command.py",
        }
    ),
    "prometheus_client": frozenset({"service/metrics.py"}),
    "pydantic": frozenset(
        {"service/clients.py", "service/conformance.py", "service/settings.py"}
    ),
    "pydantic_core": frozenset({"service/clients.py"}),
    "pydantic_settings": frozenset({"service/settings.py"}),
    "requests": frozenset(
        {
            "service/fhir_client.py",
            "service/fhir_connections.py",
            "service/fhir_sources.py",
            "service/hooks_client.py",
            "service/keys.py",
            "service/recorder.py",
        }
    ),
    "rich": frozenset(
        {
            "service/checking.py",
            "service/command_output.py",
            "service/feedback_views.py",
            "service/replay_command.py",
            "service/rules_command.py",
        }
    ),
    "sqlalchemy": frozenset(
        {
            "service/engines.py",
            "service/migrations",
            "service/store.py",
            "service/tables.py",
        }
    ),
    "urllib3": frozenset(
        {"service/fhir_client.py", "service/fhir_connections.py", "service/keys.py"}
    ),
    "werkzeug": frozenset(
        {
            "service/app.py",
            "service/demo/command.py",
            "service/demo/fhir_server.py",
            "service/record_command.py",
            "service/recorder.py",
        }
    ),
}

# The knowledge decides from its arguments alone.
IMPURE = frozenset({"logging", "os", "random", "secrets", "socket", "time", "urllib", "uuid"})
CLOCK = frozenset({"now", "today", "utcnow"})
VAGUE = frozenset({"base", "common", "helpers", "manager", "misc", "models", "utils"})


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text("utf-8"))


@cache
def imported(module: Path) -> frozenset[str]:
    """Return dotted names; ``from service import gather`` gives ``service.gather`` too."""
    return frozenset(_imported(module))


def _imported(module: Path) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(module: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(module)}


every_module = pytest.mark.parametrize("module", MODULES, ids=str)
every_card_module = pytest.mark.parametrize(
    "module", [module for module in MODULES if module.parts[0] == "cards"], ids=str
)


@every_card_module
def test_knowledge_does_not_know_the_shell(module: Path) -> None:
    assert "service" not in packages(module)


@every_card_module
def test_knowledge_has_no_environment(module: Path) -> None:
    assert packages(module) & IMPURE == set()


@every_card_module
def test_knowledge_has_no_clock(module: Path) -> None:
    called = {
        node.func.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert called & CLOCK == set()


@every_module
def test_third_party_package_stays_in_its_home(module: Path) -> None:
    outside = packages(module) - sys.stdlib_module_names - {"cards", "service"}
    strays = {name for name in outside if not lives(module, HOMES.get(name, frozenset()))}

    assert strays == set()


def lives(module: Path, homes: frozenset[str]) -> bool:
    return any(module.as_posix() == home or home in map(str, module.parents) for home in homes)


@pytest.mark.parametrize("package", HOMES)
def test_every_home_is_lived_in(package: str) -> None:
    used = [module for module in MODULES if package in packages(module)]

    assert {
        home for home in HOMES[package] if any(lives(m, frozenset({home})) for m in used)
    } == (HOMES[package])


@every_module
def test_module_begins_with_a_sentence(module: Path) -> None:
    first = (ast.get_docstring(tree(module)) or "").partition("\n")[0]

    assert re.fullmatch(r"[A-Z`].*[.:]", first), f"{module} begins with {first!r}"


@every_module
def test_module_is_named_by_what_it_is_about(module: Path) -> None:
    assert set(module.with_suffix("").parts) & VAGUE == set()


@every_module
def test_module_is_short_enough_to_read(module: Path) -> None:
    assert len((ROOT / module).read_text("utf-8").splitlines()) <= 450


@cache
def listed() -> dict[str, int]:
    """Return the modules of the architecture page and their place in it."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    places: dict[str, int] = {}
    package = ""
    for row, line in enumerate(page.splitlines()):
        if heading := re.match(r"## (cards|service)$", line):
            package = heading[1]
        elif line.startswith("| `") and "…" not in line:  # "…" stands for a row of modules
            first_cell = line.split(" | ")[0]
            for name in re.findall(r"`([\w]+)\.py`", first_cell):
                places[f"{package}.{name}"] = row
    return places


def test_architecture_page_names_modules_that_exist() -> None:
    gone = [name for name in listed() if not (ROOT / f"{name.replace('.', '/')}.py").exists()]

    assert gone == []


@every_module
def test_module_imports_nothing_that_stands_below_it(module: Path) -> None:
    places = listed()
    own = places.get(".".join(module.with_suffix("").parts), len(places) * 1000)
    below = {name for name in imported(module) if places.get(name, 0) > own}

    assert below == set()
