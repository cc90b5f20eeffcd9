"""A table built from an RxNorm release says the same as the one that is shipped."""

import shutil
from pathlib import Path

import pytest

from cards import drug_build, drug_names, drug_table, drugs
from cards.chart import Ingredient, Route
from cards.drug_names import Product

RRF = Path(__file__).with_name("rrf")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "drugs.csv"
    assert drugs.main(["build", "--rrf", str(RRF), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def table(built: Path) -> drug_table.Table:
    return drug_table.load(built)


@pytest.mark.parametrize(
    ("code", "tty", "ingredients", "mg"),
    [
        ("9000001", "IN", "oxycodone", ""),
        ("9000011", "PIN", "oxycodone", ""),
        ("9000021", "MIN", "oxycodone|acetaminophen", "|"),
        ("9000031", "BN", "oxycodone|acetaminophen", "|"),
        ("9000041", "SCDC", "oxycodone", "5"),
        ("9000051", "SCD", "oxycodone|acetaminophen", "5|325"),
        ("9000052", "SBD", "oxycodone|acetaminophen", "5|325"),
        ("9000054", "GPCK", "methylprednisolone", "4"),
        ("9000056", "SBD", "fentanyl", "0.025/h"),
        ("9000057", "SCD", "oxycodone", "40"),
    ],
    ids=lambda value: value if value.startswith("9") else "",
)
def test_each_term_type_finds_its_ingredients(
    table: drug_table.Table, code: str, tty: str, ingredients: str, mg: str
) -> None:
    row = table.rows[code]

    assert (row.tty, row.ingredients, row.mg) == (tty, ingredients, mg)


def test_a_row_has_every_fact(table: drug_table.Table) -> None:
    assert table.rows["9000056"] == drug_table.Row(
        code="9000056",
        tty="SBD",
        name="72 HR fentanyl 0.025 MG/HR Transdermal System [Patchexample]",
        ingredients="fentanyl",
        mg="0.025/h",
        form="patch",
        route="transdermal",
        extended="x",
        pack="",
        brand="Patchexample",
        quantity="72 HR",
    )


def test_drugs_without_a_class_are_left_out(table: drug_table.Table) -> None:
    assert "9000055" not in table.rows
    assert "9000004" not in table.rows


def test_a_current_name_goes_before_a_suppressed_one(table: drug_table.Table) -> None:
    assert table.rows["9000058"].name == "oxycodone hydrochloride 7.5 MG Oral Tablet"


def test_the_release_is_named(table: drug_table.Table) -> None:
    assert table.provenance == "RXNORM_EXAMPLE_240101"


def test_ndcs_are_eleven_digits_of_our_products(built: Path) -> None:
    assert built.with_name("ndc.csv").read_text() == (
        "ndc,code\n99999000101,9000051\n99999000201,9000054\n"
    )


@pytest.mark.parametrize("name", ["RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF"])
def test_a_missing_file_is_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in RRF.glob("*.RRF"):
        if file.name != name:
            shutil.copy(file, tmp_path)

    assert drugs.main(["build", "--rrf", str(tmp_path), "--out", str(tmp_path / "d.csv")]) == 1
    assert f"{name} is missing" in capsys.readouterr().err
    assert not (tmp_path / "d.csv").exists()


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    shutil.copytree(RRF, tmp_path, dirs_exist_ok=True)
    (tmp_path / "RXNREL.RRF").write_text("1|2\n")

    with pytest.raises(drug_build.BuildError, match=r"RXNREL\.RRF, line 1: fewer than 11"):
        drug_build.build(tmp_path, tmp_path / "d.csv")


def test_a_release_without_its_name_says_so(tmp_path: Path) -> None:
    assert drug_build.read_release(tmp_path) == "RxNorm, release not stated"


@pytest.mark.parametrize(
    ("name", "product"),
    [
        pytest.param(
            "0.5 ML buprenorphine 200 MG/ML Prefilled Syringe [Sublocade]",
            Product(
                (Ingredient("buprenorphine", 200.0, "mL"),),
                form="injection",
                route=Route.INJECTION,
                brand="Sublocade",
                quantity="0.5 ML",
            ),
            id="quantity and brand",
        ),
        pytest.param(
            "Diclofenac Sodium 0.01 MG/MG Topical Gel",
            Product((Ingredient("diclofenac", 10.0, "g"),), form="gel", route=Route.TOPICAL),
            id="mg per mg",
        ),
        pytest.param(
            "{9 (gabapentin 300 MG Oral Tablet [G]) / 69 (gabapentin 600 MG Oral Tablet [G]) }"
            " Pack [G 30]",
            Product(
                (Ingredient("gabapentin"),),
                form="tablet",
                route=Route.ORAL,
                pack=True,
                brand="G 30",
            ),
            id="pack of two strengths",
        ),
        pytest.param(
            "gabapentin Extended Release Oral Tablet",
            Product(
                (Ingredient("gabapentin"),), form="tablet", route=Route.ORAL, extended=True
            ),
            id="without strength",
        ),
        pytest.param("amlodipine 5 MG Oral Tablet", None, id="unknown ingredient"),
        pytest.param("{21 (amlodipine 5 MG Oral Tablet) } Pack", None, id="unknown pack"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_name_is_taken_apart(name: str, product: Product | None) -> None:
    known = {"buprenorphine", "diclofenac", "gabapentin"}

    assert drug_names.parse(name, known) == product


@pytest.mark.parametrize(
    ("name", "brand", "rest"),
    [
        ("Norpramin 75 MG Oral Tablet", "Norpramin", "75 MG Oral Tablet"),
        ("Advil PM Oral Product", "Advil PM", "Oral Product"),
        ("Ativan", "Ativan", ""),
    ],
)
def test_a_name_that_begins_with_its_brand_is_split(name: str, brand: str, rest: str) -> None:
    assert drug_names.split_brand(name) == (brand, rest)
