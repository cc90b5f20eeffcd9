"""Each card reads as a prescriber in a hurry needs it: what of that can be measured."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import mean

import pytest

from cards import drug_table
from cards.chart import Fires
from cards.evaluation import fill
from cards.examples import case_of
from cards.rulebook import CHART, Rule, load_rulebook

BOOK = load_rulebook()
CARE_PLAN = "therapy-stage-summary"  # a plan of several lines, not an alert

SUMMARY_MOST = 139
DETAIL_MOST = 450
PLAN_MOST = 1200
INSTEAD_MOST = 3
# School years by Flesch and Kincaid, without the names of drugs and documents. Texts for
# physicians commonly stand at 14 to 18.
GRADE_MOST = 14.0
GRADE_MEAN_MOST = 7.5

# What everybody who prescribes in the United States reads without a thought.
KNOWN = frozenset({"FDA", "CDC", "MRI", "ER"})
# What has to be explained once on each card that uses it, and the words that do.
EXPLAINED = {
    "ACE": "renin-angiotensin",
    "AGS": "american geriatrics society",
    "ALT": "liver enzyme",
    "ARB": "renin-angiotensin",
    "ASAM": "american society of addiction medicine",
    "AST": "liver enzyme",
    "COWS": "clinical opiate withdrawal scale",
    "CYP1A2": "enzyme",
    "CYP2D6": "enzyme",
    "GAD": "questionnaires",
    "KDIGO": "kidney guideline",
    "MAO": "monoamine oxidase",
    "NSAID": "anti-inflammator",
    "OPAL": "trial",
    "PEG": "enjoyment, general activity",
    "PHQ": "questionnaires",
    "QT": "qt interval",
    "QTc": "corrected for the heart rate",
    "SSRI": "antidepressant",
    "STarT": "questionnaire",
    "TENS": "transcutaneous electrical nerve stimulation",
    "eGFR": "glomerular filtration",
}
ABBREVIATION = re.compile(r"\b(?:[A-Z]{2,}\w*|[a-z]+[A-Z]{2,}\w*|QTc|STarT)\b")

# Latin dosing, office words, and words that blame the prescriber or label the patient.
UNWANTED = re.compile(
    r"\b(?:q\d+h|qid|tid|bid|qhs|prn|p\.?o\.?|utili[sz]e|leverage|mitigate|suboptimal|optimal"
    r"|pharmacotherapy|polypharmacy|modalit(?:y|ies)|armamentarium|efficacious|nociceptive"
    r"|you|your|error|violat\w+|inappropriate\w*|fail(?:s|ed)? to|neglect\w*|careless"
    r"|non-?complian\w+|abus\w+|addicts?|drug.seek\w+|clean|dirty|suffer\w*|geriatric)\b",
    re.IGNORECASE,
)
OVERSTATED = re.compile(
    r"guidelines? (?:requires?|mandates?|recommends? against|forbids?)", re.IGNORECASE
)
MODAL = re.compile(r"\b(?:should|must|shall|have to|has to)\b", re.IGNORECASE)

UNIT = (
    r"%|mg|mcg|g|mL|L|U|ms|mmHg|h|hours?|days?|weeks?|months?|years?|times?|points?|courses?"
    r"|trials?|a\ day|medicines?|kinds?|more|oral|of\ these\ days|morphine|doses?|drugs?"
    r"|opioids?|anti-inflammatories"
)
NUMBER = r"\d+(?:[.,]\d+)*"
DATE = re.compile(
    r"\d{4}-\d{2}(?:-\d{2})?|\d{1,2} (?:August|September|December) \d{4}"
    r"|\b20[0-2]\d\b(?! *m)"
)
# How another number may stand: before a unit (also as a range, a list or the strengths of a
# combination), as an age, a score, a week or a day, or behind its name.
PLAIN_NUMBER = re.compile(
    rf"""
      (?:of\ )?5\ to\ 20\ of\ 100\ points | [Ww]eek\ 20\ to\ 30
    | {NUMBER}(?:(?:-|/|\ to\ |\ or\ |,\ |\ and\ ){NUMBER})*\ ?(?:{UNIT})\b
    | {NUMBER}(?:-{NUMBER})?\ ?%
    | (?:age|[Ww]eek|day|stage|eGFR|eGFR\ of|under|beyond)\ {NUMBER}
    | (?:Roland-Morris,|PHQ-9\ of|PHQ-|begin\ at|pause\ point|of)\ {NUMBER}(?:-{NUMBER})?
    | PHQ-\d | CYP\d\w+ | \+{NUMBER}
    | {NUMBER}\ or\ more\b
    | (?:at|below)\ {NUMBER}(?:\ to\ {NUMBER})?                     # ... mL/min, at 15 to 29
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Text:
    """A card as one example fills it."""

    rule: str
    outcome: str
    summary: str
    detail: str
    instead: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def whole(self) -> str:
        """Everything in our words."""
        return "\n".join((self.summary, self.detail, *self.instead, *self.notes))

    @property
    def prose(self) -> str:
        """The sentences below the summary."""
        return "\n".join((self.detail, *self.instead, *self.notes))


def _texts() -> Iterator[Text]:
    for rule in BOOK.rules:
        for example in rule.examples:
            case = case_of(rule, example["given"])
            verdict = rule.decide(case)
            if not isinstance(verdict, Fires):
                continue
            outcome = rule.fires[verdict.outcome]
            words = {"drug": case.order.label, **verdict.words}
            yield Text(
                rule=rule.id,
                outcome=outcome.name,
                summary=fill(outcome.summary, words),
                detail=fill(outcome.detail, words),
                instead=tuple(fill(line, words) for line in outcome.instead),
                notes=tuple(fill(rule.notes[name], words) for name in verdict.notes),
            )


TEXTS = tuple(dict.fromkeys(_texts()))
TITLES = sorted({s.label for rule in BOOK.rules for s in rule.sources}, key=len, reverse=True)

each_text = pytest.mark.parametrize(
    "text", TEXTS, ids=[f"{t.rule}: {t.summary}" for t in TEXTS]
)


def test_every_outcome_of_every_rule_is_measured() -> None:
    measured = {(text.rule, text.outcome) for text in TEXTS}

    assert measured == {(rule.id, name) for rule in BOOK.rules for name in rule.fires}


# --- the summary ---------------------------------------------------------------------------


@each_text
def test_the_summary_is_one_short_sentence(text: Text) -> None:
    assert len(text.summary) <= SUMMARY_MOST
    assert not re.search(r"[.!?]\s|\.$|\n", text.summary)


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_the_summary_begins_with_the_order(rule: Rule) -> None:
    heads = {name: outcome.summary.split()[0] for name, outcome in rule.fires.items()}

    if CHART in rule.looks_at:
        assert not [name for name, head in heads.items() if "{drug}" in head]
    else:
        named = {name for name, head in heads.items() if head.startswith("{drug}")}
        assert heads.keys() - named <= {"lowered"}  # of buprenorphine, named in our words


@each_text
def test_the_summary_commands_nobody(text: Text) -> None:
    assert not MODAL.search(text.summary)


# --- the rest ------------------------------------------------------------------------------


@each_text
def test_the_detail_is_short(text: Text) -> None:
    assert len(text.detail) <= (PLAN_MOST if text.rule == CARE_PLAN else DETAIL_MOST)
    assert len(text.instead) <= INSTEAD_MOST


@each_text
def test_abbreviations_are_explained_on_the_same_card(text: Text) -> None:
    plain = _without_titles(text.whole)
    used = {each.removesuffix("s") for each in ABBREVIATION.findall(plain)} - KNOWN

    assert used <= EXPLAINED.keys()
    assert [short for short in used if EXPLAINED[short] not in plain.lower()] == []


@each_text
def test_words_are_plain_and_blame_nobody(text: Text) -> None:
    assert UNWANTED.findall(_without_titles(text.whole)) == []


@each_text
def test_no_source_is_made_stronger_than_it_is(text: Text) -> None:
    assert OVERSTATED.findall(text.whole) == []


@each_text
def test_every_number_has_its_unit(text: Text) -> None:
    bare = PLAIN_NUMBER.sub("", DATE.sub("", _without_titles(text.whole)))

    assert re.findall(rf".{{0,20}}{NUMBER}.{{0,20}}", bare) == []


def test_no_sentence_stands_on_more_than_two_rules() -> None:
    standing: dict[str, set[str]] = defaultdict(set)
    for text in TEXTS:
        for sentence in re.split(r"(?<=[.!?])\s+", text.detail):
            standing[sentence].add(text.rule)

    assert {s: rules for s, rules in standing.items() if len(rules) > 2} == {}


# --- how hard it is to read ----------------------------------------------------------------


@each_text
def test_no_text_is_hard_to_read(text: Text) -> None:
    assert reading_grade(_readable(text.prose)) <= GRADE_MOST


def test_texts_are_easy_to_read_on_the_whole() -> None:
    assert mean(reading_grade(_readable(text.prose)) for text in TEXTS) <= GRADE_MEAN_MOST


def test_the_reading_grade_knows_easy_from_hard() -> None:
    easy = "Keep the dose as it is. Ask about falls. See her in two weeks."
    hard = (
        "Concomitant administration necessitates individualised reconsideration of "
        "continuation, notwithstanding previously established tolerability."
    )

    assert reading_grade(easy) < 4
    assert reading_grade(hard) > 20


def reading_grade(text: str) -> float:
    """Return the school year of Flesch and Kincaid."""
    sentences = _sentences(text)
    words = re.findall(r"[A-Za-z']+", text)
    syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    word = word.lower()
    count = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith(("le", "ee")) and count > 1
    return max(count - silent, 1)


def _sentences(text: str) -> list[str]:
    """Split at stops, colons, semicolons and line ends, as Flesch did: units of thought."""
    return [part.strip() for part in re.split(r"[.!?:;]\s|\n|\.$", text) if part.strip()]


def _without_titles(text: str) -> str:
    for title in TITLES:
        text = text.replace(title, "the source")
    return text


def _readable(text: str) -> str:
    """Take out the names that nobody can choose shorter."""
    return _drug_names().sub("drug", _without_titles(text))


@cache
def _drug_names() -> re.Pattern[str]:
    rows = drug_table.table().rows.values()
    listed = {name for row in rows for name in row.ingredients.split("|") if name}
    names = sorted(listed, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b", re.IGNORECASE)
