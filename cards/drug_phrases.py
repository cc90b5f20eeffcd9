"""Find the words of a text that name drugs: generics, brands, abbreviations."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal, NamedTuple, TypedDict

from cards import drug_names, drug_table
from cards.chart import Ingredient, Route
from cards.drug_classes import class_names, ingredients_of

_TOKEN = re.compile(r"(?:#|\bno\.) ?\d(?![\d.])|\d[\d,]*(?:\.\d+)?|\.\d+|[a-z]+|[%/(),.;:\n]")
_UNITS = frozenset({"mg", "mcg", "g", "gm", "ml", "hr", "hour", "h", "per", "spray", "actuat"})
# "Tylenol Extra Strength 500 mg", "morphine (preservative free) 4 mg", "oxycodone IR 5 mg"
_PRODUCT_WORDS = frozenset({
    "extra", "regular", "strength", "pf", "preservative", "free",
    "ir", "immediate", "short", "acting", "long", "sustained", "controlled", "prolonged",
})  # fmt: skip
_PASSED = frozenset({"/", "(", ")", ",", ".", "%"}) | _UNITS | _PRODUCT_WORDS
_LONGEST_PHRASE = 5
_DENIAL_REACH = 2


class _Abbreviations(TypedDict):
    names: dict[str, list[str]]
    products: dict[str, dict[str, float]]
    given: dict[str, str]
    never: dict[str, list[str]]
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    others: dict[str, list[str]]


class Phrase(NamedTuple):
    """What a phrase stands for; strengths and route only if the phrase itself says them."""

    ingredients: tuple[Ingredient, ...]
    brand: str = ""
    route: Route | None = None


class _Token(NamedTuple):
    word: str
    start: int
    end: int


class Hit(NamedTuple):
    """A phrase found in the tokens of a text."""

    first: int  # index of its first token
    last: int  # index after its last token
    phrase: Phrase


class Run(NamedTuple):
    """The hits that make one product, and the text that they and their strengths fill."""

    hits: Sequence[Hit]
    start: int
    end: int


def _words(text: str) -> list[str]:
    return list(map(_word, _TOKEN.findall(text.lower())))


def _word(token: str) -> str:
    """Write "No. 3" as "#3"."""
    return f"#{token[-1]}" if token.startswith(("#", "no.")) else token


@cache
def _abbreviations() -> _Abbreviations:
    text = files("cards").joinpath("abbreviations.toml").read_text(encoding="utf-8")
    entries: _Abbreviations = tomllib.loads(text)  # type: ignore[assignment]
    return entries


@cache
def _listed(section: Literal["never", "before", "after", "others"]) -> frozenset[str]:
    return frozenset(_abbreviations()[section]["words"])


@cache
def known_names() -> frozenset[str]:
    """Return the name of every ingredient of the table and of the classes."""
    listed = drug_table.table().by_ingredients
    names = {name for together in listed for name in together.split("|")}
    return frozenset(names.union(*map(ingredients_of, class_names())))


@cache
def _phrases() -> Mapping[str, Phrase]:
    """Map each phrase, as tokens joined by blanks, to what it stands for."""
    found = {
        name: Phrase((Ingredient(name),))
        for name in known_names()
        if name not in drug_names.form_words()
    }
    for row in drug_table.table().rows.values():
        if row.tty == "BN" and row.brand.lower() not in _listed("never"):
            names = tuple(map(Ingredient, row.ingredients.split("|")))
            found[row.brand.lower()] = Phrase(names, row.brand)
    found.update(_abbreviated())
    return {" ".join(_words(key)): phrase for key, phrase in found.items()}


@cache
def _first_words() -> frozenset[str]:
    return frozenset(phrase.partition(" ")[0] for phrase in _phrases())


def _abbreviated() -> Iterator[tuple[str, Phrase]]:
    entries = _abbreviations()
    for key, names in entries["names"].items():
        branded = drug_table.table().by_brand.get(key)
        given = entries["given"].get(key)
        yield (
            key,
            Phrase(
                tuple(map(Ingredient, names)),
                branded[0].brand if branded else "",
                Route(given) if given else None,
            ),
        )
    for key, strengths in entries["products"].items():
        yield key, Phrase(tuple(Ingredient(name, mg) for name, mg in strengths.items()))


def _tokens(text: str) -> list[_Token]:
    return [_Token(_word(m[0]), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def _hits(tokens: Sequence[_Token]) -> list[Hit]:
    """Find the phrases, longest first, that are not denied."""
    found = []
    at = 0
    while at < len(tokens):
        hit = _hit_at(tokens, at)
        if hit and not _is_denied(tokens, hit):
            found.append(hit)
        at = hit.last if hit else at + 1
    return found


def _hit_at(tokens: Sequence[_Token], at: int) -> Hit | None:
    if tokens[at].word not in _first_words():
        return None
    phrases = _phrases()
    for last in range(min(at + _LONGEST_PHRASE, len(tokens)), at, -1):
        phrase = phrases.get(" ".join(token.word for token in tokens[at:last]))
        if phrase:
            return Hit(at, last, phrase)
    return None


def _is_denied(tokens: Sequence[_Token], hit: Hit) -> bool:
    """Tell "no ibuprofen" and "APAP machine" from the drug itself."""
    ahead = tokens[max(0, hit.first - _DENIAL_REACH) : hit.first]
    behind = [token for token in tokens[hit.last : hit.last + 2] if token.word != "/"]
    return any(token.word in _listed("before") for token in ahead) or any(
        token.word in _listed("after") for token in behind[:1]
    )


def _join(tokens: Sequence[_Token], hits: Sequence[Hit]) -> Run:
    """Take the hits up to the first foreign word: what comes later is another matter."""
    taken = [hits[0]]
    for before, after in pairwise(hits):
        if not all(_belongs(token) for token in tokens[before.last : after.first]):
            break
        taken.append(after)
    end = taken[-1].last
    while end < len(tokens) and _belongs(tokens[end]):
        end += 1
    return Run(taken, tokens[taken[0].first].start, tokens[end - 1].end)


def _belongs(token: _Token) -> bool:
    word = token.word
    return word[0] in "#.0123456789" or word in _PASSED or word in drug_names.form_words()


def run(text: str) -> Run | None:
    """Return the first drug that a lower-case text names, with all its ingredients."""
    tokens = _tokens(text)
    hits = _hits(tokens)
    return _join(tokens, hits) if hits else None


def named(text: str) -> frozenset[str]:
    """Return every ingredient a lower-case text names, and common drugs of no class too."""
    tokens = _tokens(text)
    names = {one.name for hit in _hits(tokens) for one in hit.phrase.ingredients}
    return frozenset(names | {token.word for token in tokens} & _listed("others"))
