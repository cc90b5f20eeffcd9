"""Codes, NDCs, names and free text mean the drug that a pharmacist would read in them."""

import pytest

from cards import drug_table, drugs
from cards.chart import Code, Drug, Identified, Ingredient, Route

OXYCODONE_APAP = frozenset({"oxycodone", "acetaminophen"})
HYDROCODONE_APAP = frozenset({"hydrocodone", "acetaminophen"})
BUPRENORPHINE_NALOXONE = frozenset({"buprenorphine", "naloxone"})


def of_code(code: str, text: str = "") -> Drug:
    drug = drugs.identify((Code("rxnorm", code),), text)
    assert drug
    return drug


def of_text(text: str) -> Drug:
    drug = drugs.by_name(text)
    assert drug
    return drug


@pytest.mark.parametrize(
    ("code", "label", "route"),
    [
        pytest.param("762675", "methylprednisolone dose pack", Route.ORAL, id="pack"),
        pytest.param("834023", "methylprednisolone dose pack", Route.ORAL, id="branded pack"),
        pytest.param("206954", "prednisone 5 mg", Route.ORAL, id="branded product"),
        pytest.param("864706", "methadone 10 mg", Route.ORAL, id="methadone"),
        pytest.param("197696", "fentanyl patch 75 mcg/h", Route.TRANSDERMAL, id="patch"),
        pytest.param("1049593", "oxycodone ER 60 mg", Route.ORAL, id="12 HR tablet"),
        pytest.param("197806", "ibuprofen 600 mg", Route.ORAL, id="ibuprofen"),
        pytest.param("198440", "acetaminophen 500 mg", Route.ORAL, id="acetaminophen"),
        pytest.param("596930", "duloxetine 30 mg", Route.ORAL, id="delayed release"),
        pytest.param("905505", "chlordiazepoxide 25 mg", Route.ORAL, id="retired tablet"),
        pytest.param(
            "856999", "hydrocodone/acetaminophen 10/325 mg", Route.ORAL, id="combination"
        ),
        pytest.param(
            "1010600", "buprenorphine/naloxone 2/0.5 mg film", Route.SUBLINGUAL, id="SL film"
        ),
        pytest.param("1716079", "buprenorphine 75 mcg film", Route.BUCCAL, id="buccal film"),
        pytest.param("886634", "butorphanol 1 mg/spray", Route.NASAL, id="nasal spray"),
        pytest.param(
            "1996189", "buprenorphine 200 mg/mL injection", Route.INJECTION, id="depot"
        ),
        pytest.param("543492", "hydrocortisone 1 % cream", Route.RECTAL, id="rectal cream"),
        pytest.param("7804", "oxycodone", Route.UNKNOWN, id="ingredient, several routes"),
        pytest.param("8640", "prednisone", Route.ORAL, id="ingredient, one route"),
        pytest.param("203192", "naloxone", Route.UNKNOWN, id="salt only"),
        pytest.param("1790528", "oxycodone ER", Route.ORAL, id="brand only"),
        pytest.param("1307057", "buprenorphine/naloxone 4/1 mg", Route.SUBLINGUAL, id="SBDC"),
    ],
)
def test_a_code_gives_label_and_route(code: str, label: str, route: Route) -> None:
    drug = of_code(code)

    assert (drug.label, drug.route, drug.code) == (label, route, code)
    assert (drug.identified, drug.doubt) == (Identified.CODE, "")


def test_a_product_has_every_fact() -> None:
    assert of_code("1049593") == Drug(
        name="12 HR oxycodone hydrochloride 60 MG Extended Release Oral Tablet",
        label="oxycodone ER 60 mg",
        ingredients=(Ingredient("oxycodone", 60.0),),
        classes=frozenset({"opioid-full-agonist"}),
        code="1049593",
        route=Route.ORAL,
        form="tablet",
        extended=True,
    )


@pytest.mark.parametrize(
    ("code", "ingredients"),
    [
        pytest.param("197696", (Ingredient("fentanyl", 0.075, "h"),), id="patch per hour"),
        pytest.param("1790533", (Ingredient("oxycodone", 9.0),), id="Xtampza is in base"),
        pytest.param("485276", (Ingredient("fentanyl"),), id="400 mg fentanyl is not believed"),
        pytest.param(
            "309468",
            (
                Ingredient("codeine"),
                Ingredient("butalbital", 50.0),
                Ingredient("acetaminophen", 325.0),
                Ingredient("caffeine", 40.0),
            ),
            id="a name cut short keeps its opioid",
        ),
        pytest.param(
            "857127",
            (Ingredient("hydrocodone", 0.667, "mL"), Ingredient("acetaminophen", 33.3, "mL")),
            id="an opioid in brackets is found",
        ),
        pytest.param(
            "637540",
            (Ingredient("oxycodone", 4.88), Ingredient("aspirin", 325.0)),
            id="two salts of one ingredient add up",
        ),
        pytest.param("864978", (Ingredient("methadone", 40.0),), id="remodelled methadone"),
        pytest.param("1946525", (Ingredient("tramadol", 300.0),), id="matrix delivery"),
        pytest.param("1101337", (Ingredient("gabapentin", 600.0),), id="enacarbil"),
        pytest.param("577455", (Ingredient("fentanyl", 0.025, "mL"),), id="mcg per 30 mL"),
        pytest.param("1101622", (Ingredient("gabapentin", 50.0, "mL"),), id="mg per 5 mL"),
        pytest.param(
            "1012637",
            (Ingredient("fentanyl", 0.005, "mL"), Ingredient("bupivacaine", 0.375, "mL")),
            id="percent and mcg",
        ),
        pytest.param(
            "476287",
            (Ingredient("acetaminophen", 635.0), Ingredient("phenyltoloxamine citrate", 55.0)),
            id="an ingredient without a code of its own stays",
        ),
        pytest.param("1115016", (Ingredient("gabapentin"),), id="a pack of two strengths"),
    ],
)
def test_strengths_are_normalised(code: str, ingredients: tuple[Ingredient, ...]) -> None:
    assert of_code(code).ingredients == ingredients


@pytest.mark.parametrize(
    ("code", "extended"),
    [
        pytest.param("1049593", True, id="12 HR oxycodone"),
        pytest.param("197696", True, id="fentanyl patch"),
        pytest.param("1790533", True, id="Xtampza"),
        pytest.param("1790532", True, id="Xtampza Pill, a group of a brand"),
        pytest.param("864706", False, id="methadone is long acting, not extended"),
        pytest.param("596930", False, id="delayed is not extended"),
        pytest.param("7804", False, id="ingredient alone"),
    ],
)
def test_extended_release_is_known(code: str, extended: bool) -> None:
    assert of_code(code).extended is extended


@pytest.mark.parametrize("code", ["762675", "834023", "845492", "1115016"])
def test_a_pack_is_a_pack(code: str) -> None:
    assert of_code(code).pack


def test_a_retired_code_is_still_known() -> None:
    assert of_code("905505").classes == {"benzodiazepine"}


@pytest.mark.parametrize(
    ("system", "value"),
    [
        ("rxnorm", "206954"),
        ("rxnorm", " 206954 "),
        ("rxnorm", "0206954"),
        ("urn:oid:2.16.840.1.113883.6.88", "206954"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "206954"),
        ("https://www.nlm.nih.gov/research/umls/rxnorm/", "206954"),
    ],
)
def test_every_way_to_write_the_system_is_understood(system: str, value: str) -> None:
    assert drugs.identify((Code(system, value),), "") == of_code("206954")


@pytest.mark.parametrize(
    "value", ["00591024110", "00591-0241-10", "591-241-10", " 00591024110 ", "000591024110"]
)
def test_an_ndc_alone_is_enough(value: str) -> None:
    drug = drugs.identify((Code("ndc", value),), "LORAZEPAM 1 MG TABLET")

    assert drug
    assert (drug.label, drug.identified) == ("lorazepam 1 mg", Identified.NDC)
    assert (drug.code, drug.doubt) == ("00591024110", "")


def test_rxnorm_goes_before_ndc() -> None:
    codes = (Code("ndc", "00406577101"), Code("rxnorm", "864706"))
    drug = drugs.identify(codes, "METHADONE HCL 10 MG TABLET")

    assert drug == of_code("864706")


def test_the_most_specific_coding_wins() -> None:
    codes = (Code("rxnorm", "7804"), Code("rxnorm", "1049593"))

    assert drugs.identify(codes, "") == of_code("1049593")


def test_codes_of_different_drugs_are_doubtful() -> None:
    drug = drugs.identify((Code("rxnorm", "197806"), Code("ndc", "00591024110")), "")

    assert drug
    assert (drug.label, drug.doubt) == ("ibuprofen 600 mg", drugs.CODES_DIFFER)


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param((Code("rxnorm", "999999999"),), id="unknown RxNorm code"),
        pytest.param((Code("ndc", "68462050201"),), id="unknown NDC"),
        pytest.param((Code("ndc", "5910241"),), id="NDC too short"),
        pytest.param((Code("snomed", "197806"),), id="number of another system"),
        pytest.param((), id="no code"),
    ],
)
def test_an_unknown_code_leaves_the_display(codes: tuple[Code, ...]) -> None:
    name = "acetaminophen 325 MG / hydrocodone bitartrate 7.5 MG Oral Tablet"
    drug = drugs.identify(codes, name)

    assert drug
    assert (drug.label, drug.identified, drug.code) == (
        "hydrocodone/acetaminophen 7.5/325 mg",
        Identified.NAME,
        "",
    )
    assert drugs.identify(codes, "") is None


@pytest.mark.parametrize(
    ("text", "label", "route"),
    [
        (
            "12 HR oxycodone hydrochloride 60 MG Extended Release Oral Tablet [Acme]",
            "oxycodone ER 60 mg",
            Route.ORAL,
        ),
        ("LORAZEPAM 1 MG TABLET", "lorazepam 1 mg", Route.ORAL),
        ("diclofenac 1 % gel", "diclofenac 1 % gel", Route.TOPICAL),
        ("fentanyl 25 mcg/hr patch", "fentanyl patch 25 mcg/h", Route.TRANSDERMAL),
        ("morphine 10 mg/5 mL oral solution", "morphine 2 mg/mL solution", Route.ORAL),
        ("buprenorphine 8 mg tablet", "buprenorphine 8 mg", Route.SUBLINGUAL),
        ("lidocaine 5 % patch", "lidocaine patch 5 %", Route.TOPICAL),
        (
            "{21 (methylprednisolone 4 MG Oral Tablet) } Pack [Acme]",
            "methylprednisolone dose pack",
            Route.ORAL,
        ),
    ],
)
def test_an_rxnorm_like_name_is_taken_apart(text: str, label: str, route: Route) -> None:
    drug = of_text(text)

    assert (drug.label, drug.route, drug.identified) == (label, route, Identified.NAME)
    assert "Acme" not in drug.name + drug.brand


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("Norflex", {"orphenadrine"}),
        ("Toradol", {"ketorolac"}),
        ("Decadron", {"dexamethasone"}),
        ("Suboxone", BUPRENORPHINE_NALOXONE),
        ("Subutex", {"buprenorphine"}),
        ("Zubsolv", BUPRENORPHINE_NALOXONE),
        ("Sublocade", {"buprenorphine"}),
        ("Brixadi", {"buprenorphine"}),
        ("Belbuca", {"buprenorphine"}),
        ("Butrans", {"buprenorphine"}),
        ("Percocet", OXYCODONE_APAP),
        ("Norco", HYDROCODONE_APAP),
        ("Vicodin", HYDROCODONE_APAP),
        ("Ultram", {"tramadol"}),
        ("Ultracet", {"tramadol", "acetaminophen"}),
        ("Soma", {"carisoprodol"}),
        ("Flexeril", {"cyclobenzaprine"}),
        ("Zanaflex", {"tizanidine"}),
        ("Robaxin", {"methocarbamol"}),
        ("Lyrica", {"pregabalin"}),
        ("Neurontin", {"gabapentin"}),
        ("Cymbalta", {"duloxetine"}),
        ("Medrol dose pack", {"methylprednisolone"}),
        ("APAP", {"acetaminophen"}),
        ("carisoprodol/ASA/codeine", {"carisoprodol", "aspirin", "codeine"}),
        ("dihydrocodeine/ASA/caffeine", {"dihydrocodeine", "aspirin", "caffeine"}),
        ("methylnaltrexone", {"methylnaltrexone"}),
        ("methylprednisolone", {"methylprednisolone"}),
        ("Journavx", {"suzetrigine"}),
        ("HYDROCODON-ACETAMINOPH 7.5-325", HYDROCODONE_APAP),
        ("tizanidine (replaces cyclobenzaprine)", {"tizanidine"}),
        ("no oxycodone, use ibuprofen", {"ibuprofen"}),
        ("oxycodone 5 mg tablet and ibuprofen 400 mg", {"oxycodone", "ibuprofen"}),
    ],
)
def test_a_word_of_text_names_every_ingredient(
    text: str, ingredients: frozenset[str] | set[str]
) -> None:
    drug = of_text(text)

    assert drug.ingredient_names == ingredients
    assert drug.identified is Identified.TEXT


@pytest.mark.parametrize("word", ["suboxone", "SUBOXONE", "Rx: Suboxone.", "(suboxone)"])
def test_case_and_stops_do_not_matter(word: str) -> None:
    assert of_text(word).ingredient_names == BUPRENORPHINE_NALOXONE


@pytest.mark.parametrize(
    ("text", "label", "route"),
    [
        ("PERCOCET 5-325 MG PO TABS", "oxycodone/acetaminophen 5/325 mg", Route.ORAL),
        ("Norco 5/325", "hydrocodone/acetaminophen 5/325 mg", Route.ORAL),
        ("acetaminophen-codeine 300-30 mg", "codeine/acetaminophen 30/300 mg", Route.ORAL),
        ("Tylenol #3", "codeine/acetaminophen 30/300 mg", Route.ORAL),
        ("Tylenol No. 3", "codeine/acetaminophen 30/300 mg", Route.ORAL),
        ("Tylenol-Codeine No.3", "codeine/acetaminophen 30/300 mg", Route.ORAL),
        ("Tylenol-Codeine No.3 300-30 mg", "codeine/acetaminophen 30/300 mg", Route.ORAL),
        ("Tylenol w/ codeine #4", "codeine/acetaminophen 60/300 mg", Route.ORAL),
        ("morphine PF injection 4 mg", "morphine 4 mg injection", Route.INJECTION),
        (
            "buprenorphine-naloxone 8-2 mg SL film",
            "buprenorphine/naloxone 8/2 mg film",
            Route.SUBLINGUAL,
        ),
        ("Zubsolv 5.7-1.4", "buprenorphine/naloxone 5.7/1.4 mg", Route.SUBLINGUAL),
        ("Belbuca 75 mcg film", "buprenorphine 75 mcg film", Route.BUCCAL),
        ("buprenorphine film 8 mg", "buprenorphine 8 mg film", Route.UNKNOWN),
        ("Butrans 10 mcg/hr", "buprenorphine patch 10 mcg/h", Route.TRANSDERMAL),
        ("fentanyl patch 25 mcg", "fentanyl patch 25 mcg/h", Route.TRANSDERMAL),
        ("oxyCODONE ER 20 mg", "oxycodone ER 20 mg", Route.ORAL),
        ("OxyContin 20 mg", "oxycodone ER 20 mg", Route.ORAL),
        ("MS Contin 15 mg", "morphine ER 15 mg", Route.ORAL),
        ("oxycodone IR 15 mg", "oxycodone 15 mg", Route.ORAL),
        ("oxycodone (IR) 15 mg", "oxycodone 15 mg", Route.ORAL),
        ("morphine immediate release 15 mg tablet", "morphine 15 mg", Route.ORAL),
        ("tramadol immediate-release 50 mg", "tramadol 50 mg", Route.ORAL),
        ("oxycodone short-acting 5 mg", "oxycodone 5 mg", Route.ORAL),
        ("oxycodone XR 20 mg", "oxycodone ER 20 mg", Route.ORAL),
        ("morphine (SR) 30 mg", "morphine ER 30 mg", Route.ORAL),
        ("oxycodone CR 10 mg", "oxycodone ER 10 mg", Route.ORAL),
        ("morphine extended release 30 mg", "morphine ER 30 mg", Route.ORAL),
        ("morphine sustained release 30 mg", "morphine ER 30 mg", Route.ORAL),
        ("morphine controlled-release 30 mg tablet", "morphine ER 30 mg", Route.ORAL),
        ("oxycodone long acting 20 mg", "oxycodone ER 20 mg", Route.ORAL),
        ("Morphine 15 mg Prolonged-release oral tablet", "morphine ER 15 mg", Route.ORAL),
        ("oxycodone 5 mg controlled substance", "oxycodone 5 mg", Route.ORAL),
        ("oxycodone 30 mg film-coated tablet", "oxycodone 30 mg", Route.ORAL),
        ("oxycodone IR or 30 mg", "oxycodone", Route.UNKNOWN),
        ("Hysingla ER 20 mg", "hydrocodone ER 20 mg", Route.ORAL),
        ("Medrol dose pack", "methylprednisolone dose pack", Route.ORAL),
        ("Toradol", "ketorolac", Route.UNKNOWN),
        ("Toradol 10 mg tab", "ketorolac 10 mg", Route.ORAL),
        ("ketorolac 30 mg IM", "ketorolac 30 mg", Route.INTRAMUSCULAR),
        ("ketorolac 30 mg IV/IM", "ketorolac 30 mg", Route.INJECTION),
        ("Solu-Medrol 125 mg", "methylprednisolone 125 mg", Route.INJECTION),
        ("methylprednisolone epidural", "methylprednisolone", Route.EPIDURAL),
        ("triamcinolone intra-articular", "triamcinolone", Route.INTRA_ARTICULAR),
        ("budesonide inhaler", "budesonide inhaler", Route.INHALED),
        ("Lidoderm", "lidocaine patch", Route.TOPICAL),
        (
            "compounded ketoprofen/gabapentin cream",
            "gabapentin/ketoprofen cream",
            Route.TOPICAL,
        ),
        ("ibuprofen 1,000 mg", "ibuprofen 1000 mg", Route.UNKNOWN),
        ("acetaminophen 1 g PO", "acetaminophen 1000 mg", Route.ORAL),
        ("oxycodone 5-10 mg po", "oxycodone", Route.ORAL),
        ("gabapentin 300", "gabapentin", Route.ORAL),
        ("gabapentin 300 mg/0 mL", "gabapentin 300 mg/mL", Route.ORAL),
        ("butalbital-acetaminophen-caffeine", "butalbital/acetaminophen/caffeine", Route.ORAL),
    ],
)
def test_free_text_gives_strength_and_route(text: str, label: str, route: Route) -> None:
    drug = of_text(text)

    assert (drug.label, drug.route) == (label, route)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opioid agreement",
        "methadone clinic",
        "steroid-free",
        "ibuprofen-free",
        "no NSAIDs",
        "no ibuprofen",
        "avoid all aspirin",
        "without codeine",
        "APAP machine",
        "auto-APAP",
        "CPAP",
        "CPAP/APAP",
        "methylphenidate 10 mg",
        "methyl",
        "pain med",
        "amlodipine 5 MG Oral Tablet",
        "guaifenesin 400 mg",
        "somatic",
        "normal",
        "5-325 MG",
        "[]{}()",
        "heparin lock flush 100 units/mL",
        "no heparin products",
        "estradiol 1 mg tablet",
    ],
)
def test_vague_text_names_no_drug(text: str) -> None:
    assert drugs.by_name(text) is None


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("amlodipine", drugs.ANOTHER_DRUG),
        ("Captopril 25 MG Oral Tablet", drugs.ANOTHER_DRUG),
        ("ibuprofen 600 mg", drugs.ANOTHER_DRUG),
        ("zzyzolam 10 mg", drugs.ANOTHER_DRUG),
        ("Soma compound with codeine, hydrocodone", drugs.ONE_MORE_DRUG),
        ("", ""),
        ("Norco 10-325", ""),
        ("HYDROCOD/APAP 10-325", ""),
        ("hydrocodone", ""),
        ("pain med", ""),
        ("pain med 10 mg", ""),
        ("Take 1 tablet 10 mg by mouth", ""),
        ("opioid 10 mg", ""),
        ("acetaminophen 325 MG / hydrocodone bitartrate 10 MG Oral Tablet", ""),
    ],
)
def test_text_that_contradicts_the_code_is_doubtful(text: str, doubt: str) -> None:
    drug = of_code("856999", text)

    assert (drug.label, drug.doubt) == ("hydrocodone/acetaminophen 10/325 mg", doubt)


def test_naloxone_of_a_brand_is_no_contradiction() -> None:
    assert of_code("1819", "buprenorphine (Suboxone)").doubt == ""


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("buprenorphine/naloxone", {"buprenorphine"}),
        ("pentazocine-naloxone", {"opioid-mixed"}),
        ("naloxone", {"opioid-antagonist"}),
        ("naltrexone", {"naltrexone"}),
        ("methylnaltrexone", {"peripheral-opioid-antagonist"}),
        ("hydrocodone/acetaminophen", {"opioid-full-agonist", "acetaminophen"}),
        ("carisoprodol/aspirin", {"muscle-relaxant", "aspirin"}),
        ("Vicoprofen", {"opioid-full-agonist", "nsaid"}),
        ("tramadol", {"tramadol"}),
        ("duloxetine", {"snri", "duloxetine"}),
        ("fluvoxamine", {"ssri", "cyp1a2-inhibitor"}),
        ("fludrocortisone", {"mineralocorticoid"}),
        ("methyl salicylate", {"topical-analgesic"}),
        ("Lisinopril 10 MG Oral Tablet [Acme]", {"ace-inhibitor"}),
        ("lisinopril-hydrochlorothiazide 20-12.5 mg", {"ace-inhibitor", "diuretic"}),
        (
            "hydrochlorothiazide 12.5 MG / losartan potassium 50 MG Oral Tablet",
            {"angiotensin-receptor-blocker", "diuretic"},
        ),
        ("sacubitril 24 MG / valsartan 26 MG Oral Tablet", {"angiotensin-receptor-blocker"}),
        ("HCTZ 25 mg", {"diuretic"}),
        ("ethacrynic acid 25 mg", {"diuretic"}),
        ("Omeprazole 20 MG Delayed Release Oral Capsule", {"proton-pump-inhibitor"}),
        ("Vimovo", {"nsaid", "proton-pump-inhibitor"}),
        ("0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe", {"heparin"}),
        ("heparin sodium, porcine 5000 UNT/ML Injectable Solution", {"heparin"}),
        ("thioridazine hydrochloride 25 MG Oral Tablet", {"thioridazine"}),
        ("cimetidine 400 MG Oral Tablet", {"other-cyp1a2-inhibitor"}),
        (
            "{21 (ethinyl estradiol 0.035 MG / norgestimate 0.25 MG Oral Tablet) } Pack",
            {"other-cyp1a2-inhibitor"},
        ),
    ],
)
def test_classes_are_those_of_every_ingredient(text: str, classes: set[str]) -> None:
    assert of_text(text).classes == classes


def test_classes_and_ingredients_agree() -> None:
    for name in drugs.class_names():
        for ingredient in drugs.ingredients_of(name):
            assert name in drugs.classes_of(ingredient)
    assert drugs.classes_of("amlodipine") == frozenset()


def test_an_unknown_class_is_an_error() -> None:
    with pytest.raises(KeyError):
        drugs.ingredients_of("no-such-class")


def test_every_row_becomes_a_drug() -> None:
    for row in drug_table.table().rows.values():
        drug = drug_table.drug_of(row)
        assert drug.classes
        assert 0 < len(drug.label) <= 45


def test_fentanyl_lozenges_are_taken_up_in_the_mouth() -> None:
    rows = drug_table.products(["fentanyl"])

    assert {row.route for row in rows if row.form == "lozenge"} == {"buccal"}


def test_baclofen_injections_are_for_the_spine() -> None:
    rows = drug_table.products(["baclofen"])

    assert {row.route for row in rows if row.form == "injection"} == {"intrathecal"}


def test_the_table_names_what_it_was_made_of() -> None:
    digest, _, provenance = drugs.version().partition(" ")

    assert len(digest) == 8
    assert "RxNorm" in provenance


def test_the_table_is_read_once() -> None:
    drug_table.table()
    read = drug_table.table.cache_info().misses

    assert drugs.identify((Code("rxnorm", "197806"),), "")
    assert drugs.by_name("a text that no other test asks about, with naproxen")
    assert drug_table.table.cache_info().misses == read


def test_repeated_codes_are_looked_up_once() -> None:
    codes = (Code("rxnorm", "856999"),)

    assert drugs.identify(codes, "Norco") is drugs.identify(list(codes), "Norco")


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("Zestoretic", {"ace-inhibitor", "diuretic"}),
        ("Lotensin HCT 10-12.5", {"ace-inhibitor", "diuretic"}),
        ("Diovan HCT 160-12.5 mg", {"angiotensin-receptor-blocker", "diuretic"}),
        ("Hyzaar", {"angiotensin-receptor-blocker", "diuretic"}),
        ("Benicar HCT", {"angiotensin-receptor-blocker", "diuretic"}),
        ("Micardis HCT", {"angiotensin-receptor-blocker", "diuretic"}),
        ("Exforge HCT 5-160-12.5 mg", {"angiotensin-receptor-blocker", "diuretic"}),
        ("Tribenzor", {"angiotensin-receptor-blocker", "diuretic"}),
        ("Entresto 24-26 mg", {"angiotensin-receptor-blocker"}),
        ("Sprintec", {"other-cyp1a2-inhibitor"}),
        ("Yaz", {"other-cyp1a2-inhibitor"}),
        ("Yasmin 28", {"other-cyp1a2-inhibitor"}),
        ("Lo Loestrin Fe", {"other-cyp1a2-inhibitor"}),
        ("Ortho Tri-Cyclen", {"other-cyp1a2-inhibitor"}),
        ("Zyflo CR", {"other-cyp1a2-inhibitor"}),
        ("Zelboraf", {"other-cyp1a2-inhibitor"}),
        ("Arixtra 7.5 mg", {"heparin"}),
        ("Angiomax", {"anticoagulant"}),
    ],
)
def test_a_brand_known_by_name_only_has_every_class_of_its_ingredients(
    text: str, classes: set[str]
) -> None:
    drug = drugs.by_name(text)

    assert drug
    assert drug.classes == classes
