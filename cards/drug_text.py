"""Find the drug that free text or a display names: generic, brand, abbreviation, strength."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import pairwise, permutations
from typing import Literal, NamedTuple, TypedDict

from cards import drug_names, drug_table
from cards.chart import Drug, Identified, Ingredient, Route
from cards.drug_classes import (
    class_names,
    classes_of,
    classes_together,
    ingredients_of,
    leading_first,
)
from cards.drug_labels import label, whole_name

_TOKEN = re.compile(r"#\d|\d[\d,]*(?:\.\d+)?|\.\d+|[a-z]+|[%/(),.;:\n]")
_NUMBER = r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)"
# "5 mg", "5-325 mg", "10 mg/5 ml", "25 mcg/hr", "1 %"; the unit may be missing: "5/325"
_STRENGTH = re.compile(
    rf"(?<![\w.#])({_NUMBER}(?: ?[-/] ?{_NUMBER})*) ?-?(mcg|mg|gm?|%)?(?!\w)"
    rf"(?: ?(?:/|per) ?({_NUMBER})? ?(ml|hr?|hour|actuat\w*|spray)\b)?"
)
_NUMBERS = re.compile(_NUMBER)
_LETTERS = re.compile(r"[a-z]+")
_PER = {"h": "hr", "hour": "hr"}
_UNITS = frozenset({"mg", "mcg", "g", "gm", "ml", "hr", "hour", "h", "per", "spray", "actuat"})
_PASSED = frozenset({"/", "(", ")", ",", ".", "%"}) | _UNITS
_PACK = re.compile(r"dose ?-?pac?k|\bpak\b|taper ?-?pac?k")
_LONGEST_PHRASE = 5
_MOST_TEXT = 300
_DENIAL_REACH = 2
_STRONGEST_PATCH_MG = 1.0  # a patch that says "25 mcg" means 25 mcg/h


class _Abbreviations(TypedDict):
    names: dict[str, list[str]]
    products: dict[str, dict[str, float]]
    given: dict[str, str]
    never: dict[str, list[str]]
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    others: dict[str, list[str]]


class _Phrase(NamedTuple):
    """What a phrase stands for; strengths and route only if the phrase itself says them."""

    ingredients: tuple[Ingredient, ...]
    brand: str = ""
    route: Route | None = None


class _Token(NamedTuple):
    word: str
    start: int
    end: int


class _Hit(NamedTuple):
    first: int  # index of its first token
    last: int  # index after its last token
    phrase: _Phrase


class _Run(NamedTuple):
    """The hits that make one product, and the text that they and their strengths fill."""

    hits: Sequence[_Hit]
    start: int
    end: int


def _words(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


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
def _phrases() -> Mapping[str, _Phrase]:
    """Map each phrase, as tokens joined by blanks, to what it stands for."""
    found = {
        name: _Phrase((Ingredient(name),))
        for name in known_names()
        if not drug_names.is_form_word(name)
    }
    for row in drug_table.table().rows.values():
        if row.tty == "BN" and row.brand.lower() not in _listed("never"):
            names = tuple(map(Ingredient, row.ingredients.split("|")))
            found[row.brand.lower()] = _Phrase(names, row.brand)
    found.update(_abbreviated())
    return {" ".join(_words(key)): phrase for key, phrase in found.items()}


def _abbreviated() -> Iterator[tuple[str, _Phrase]]:
    entries = _abbreviations()
    for key, names in entries["names"].items():
        branded = drug_table.table().by_brand.get(key)
        given = entries["given"].get(key)
        yield (
            key,
            _Phrase(
                tuple(map(Ingredient, names)),
                branded[0].brand if branded else "",
                Route(given) if given else None,
            ),
        )
    for key, strengths in entries["products"].items():
        yield key, _Phrase(tuple(Ingredient(name, mg) for name, mg in strengths.items()))


def _tokens(text: str) -> list[_Token]:
    return [_Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(text)]


def _hits(tokens: Sequence[_Token]) -> list[_Hit]:
    """Find the phrases, longest first, that are not denied."""
    found = []
    at = 0
    while at < len(tokens):
        hit = _hit_at(tokens, at)
        if hit and not _is_denied(tokens, hit):
            found.append(hit)
        at = hit.last if hit else at + 1
    return found


def _hit_at(tokens: Sequence[_Token], at: int) -> _Hit | None:
    phrases = _phrases()
    for last in range(min(at + _LONGEST_PHRASE, len(tokens)), at, -1):
        phrase = phrases.get(" ".join(token.word for token in tokens[at:last]))
        if phrase:
            return _Hit(at, last, phrase)
    return None


def _is_denied(tokens: Sequence[_Token], hit: _Hit) -> bool:
    """Tell "no ibuprofen" and "APAP machine" from the drug itself."""
    ahead = tokens[max(0, hit.first - _DENIAL_REACH) : hit.first]
    behind = [token for token in tokens[hit.last : hit.last + 2] if token.word != "/"]
    return any(token.word in _listed("before") for token in ahead) or any(
        token.word in _listed("after") for token in behind[:1]
    )


def _run(tokens: Sequence[_Token], hits: Sequence[_Hit]) -> _Run:
    """Take the hits up to the first foreign word: what comes later is another matter."""
    taken = [hits[0]]
    for before, after in pairwise(hits):
        if not all(_belongs(token) for token in tokens[before.last : after.first]):
            break
        taken.append(after)
    end = taken[-1].last
    while end < len(tokens) and _belongs(tokens[end]):
        end += 1
    return _Run(taken, tokens[taken[0].first].start, tokens[end - 1].end)


def _belongs(token: _Token) -> bool:
    word = token.word
    return word[0] in "#.0123456789" or word in _PASSED or drug_names.is_form_word(word)


def named(text: str) -> frozenset[str]:
    """Return every ingredient that a text names, and common drugs of no class too."""
    tokens = _tokens(text[:_MOST_TEXT].lower())
    names = {one.name for hit in _hits(tokens) for one in hit.phrase.ingredients}
    return frozenset(names | {token.word for token in tokens} & _listed("others"))


def find(text: str) -> Drug | None:
    """Return the drug that a text names, None if it names none of our classes."""
    text = text[:_MOST_TEXT]
    product = drug_names.parse(text, known_names())
    if product and _is_whole(product, text) and product.ingredients:
        return _drug(text.lower(), _in_our_words(product, text), Identified.NAME)
    lower = text.lower()
    tokens = _tokens(lower)
    hits = _hits(tokens)
    if not hits:
        return None
    run = _run(tokens, hits)
    return _drug(lower, _product(lower, run), Identified.TEXT, _given(run))


def _is_whole(product: drug_names.Product, text: str) -> bool:
    """Tell an RxNorm-like name from a text that only begins like one."""
    return product.pack or (
        bool(product.form)
        and all(one.mg is not None for one in product.ingredients)
        and len(product.ingredients) == text.count(" / ") + 1
    )


def _in_our_words(product: drug_names.Product, text: str) -> drug_names.Product:
    """Put the ingredients of a name in our order; keep a brand only if the table has it."""
    by_name = {one.name: one for one in product.ingredients}
    ordered = tuple(by_name[name] for name in leading_first(by_name))
    branded = drug_table.table().by_brand.get(product.brand.lower())
    return product._replace(
        ingredients=ordered,
        brand=branded[0].brand if branded else "",
        extended=drug_names.says_extended(text),
    )


def _given(run: _Run) -> Route | None:
    return next((hit.phrase.route for hit in run.hits if hit.phrase.route), None)


def _product(text: str, run: _Run) -> drug_names.Product:
    """Put the phrases of a run and the strengths beside them together."""
    parts: dict[str, Ingredient] = {}
    for hit in run.hits:
        for one in hit.phrase.ingredients:
            parts.setdefault(one.name, one)
    brand = next((hit.phrase.brand for hit in run.hits if hit.phrase.brand), "")
    said = text[run.start : run.end]
    ingredients = tuple(parts.values())
    if all(one.mg is None for one in ingredients):
        ingredients = _with_strengths(tuple(parts), said) or ingredients
    by_name = {one.name: one for one in ingredients}
    return drug_names.Product(
        tuple(by_name[name] for name in leading_first(by_name)),
        extended=drug_names.says_extended(said),
        pack=bool(_PACK.search(said)),
        brand=brand,
    )


def _with_strengths(names: Sequence[str], text: str) -> tuple[Ingredient, ...]:
    """Give each ingredient its strength; nothing if the numbers do not settle it."""
    for match in (matches := list(_STRENGTH.finditer(text))):
        numbers = _NUMBERS.findall(match[1])
        # A single number without a unit can be anything; several are a combination's.
        if len(numbers) == len(names) and (match[2] or len(numbers) > 1):
            return _assigned(names, [_strengths_of(names, n, match) for n in numbers])
    stated = [match for match in matches if match[2]]
    singles = [match for match in stated if len(_NUMBERS.findall(match[1])) == 1]
    if len(names) > 1 and len(singles) >= len(names):
        return tuple(
            drug_names.strength(name, match[1], match[2], match[3], _per(match))
            for name, match in zip(names, singles, strict=False)
        )
    return ()


def _strengths_of(names: Sequence[str], number: str, match: re.Match[str]) -> list[Ingredient]:
    """Return one number of a match as the strength of each of the ingredients."""
    unit, per = match[2] or "mg", _per(match)
    return [drug_names.strength(name, number, unit, match[3], per) for name in names]


def _per(match: re.Match[str]) -> str | None:
    per = str(match[4] or "")
    return "actuat" if per.startswith("actuat") else _PER.get(per, per) or None


def _assigned(
    names: Sequence[str], strengths: Sequence[Sequence[Ingredient]]
) -> tuple[Ingredient, ...]:
    """Match numbers to ingredients as a product of the table has them, else in order."""
    places = range(len(names))
    in_order = tuple(strengths[place][place] for place in places)
    if len(names) == 1 or len(names) > 3:  # noqa: PLR2004 - longer ones are never abbreviated
        return in_order
    sold = {
        frozenset(drug_table.ingredients_of_row(row))
        for row in drug_table.products(leading_first(names))
    }
    orders = (
        tuple(strengths[number][place] for place, number in zip(places, order, strict=True))
        for order in permutations(places)
    )
    return next((order for order in orders if frozenset(order) in sold), in_order)


def _drug(
    text: str, product: drug_names.Product, identified: Identified, given: Route | None = None
) -> Drug | None:
    """Make the drug of what a text says, filling the route in from the table."""
    names = [one.name for one in product.ingredients]
    classes = classes_together(names)
    if not any(map(classes_of, names)):
        return None
    form, route = _form_and_route(text, product, given)
    ingredients = _per_hour_or_gram(product.ingredients, form, route)
    extended = (
        product.extended
        or route is Route.TRANSDERMAL
        or (given is None and _is_extended_brand(product.brand))
    )
    return Drug(
        name=whole_name(ingredients, form),
        label=label(ingredients, form, extended=extended, pack=product.pack),
        ingredients=ingredients,
        classes=classes,
        route=route,
        form=form,
        extended=extended,
        pack=product.pack,
        brand=product.brand,
        identified=identified,
    )


def _is_extended_brand(brand: str) -> bool:
    return drug_table.all_extended(drug_table.table().by_brand.get(brand.lower(), ()))


def _form_and_route(
    text: str, product: drug_names.Product, given: Route | None
) -> tuple[str, Route]:
    """Read the form and route of a text; what it leaves open the products settle."""
    names = [one.name for one in product.ingredients]
    said = drug_names.read_form(_LETTERS.findall(text))
    if said.stated:
        return said.form, drug_names.settle_route(names, said.form, said.route)
    if not said.form and given is not None:
        return "", given
    alike = drug_table.products(names, product.brand)
    form = said.form or _only_form(alike)
    of_form = [row for row in alike if row.form == form] if form else alike
    route = _route_of(of_form, product.ingredients)
    if route is Route.UNKNOWN:
        route = said.route
    if route is Route.UNKNOWN and product.pack:
        route = Route.ORAL
    return form, route


def _route_of(rows: Sequence[drug_table.Row], ingredients: Sequence[Ingredient]) -> Route:
    """Return the only route of these products, or of those with this strength."""
    route = drug_table.only_route(rows)
    if route is not Route.UNKNOWN or any(one.mg is None for one in ingredients):
        return route
    wanted = set(ingredients)
    return drug_table.only_route(
        row for row in rows if row.form and wanted == set(drug_table.ingredients_of_row(row))
    )


def _only_form(rows: Sequence[drug_table.Row]) -> str:
    forms = {row.form for row in rows}
    return forms.pop() if len(forms) == 1 else ""


def _per_hour_or_gram(
    ingredients: Sequence[Ingredient], form: str, route: Route
) -> tuple[Ingredient, ...]:
    """Read "25 mcg" of a patch as mcg/h, and a percentage on the skin per gram."""
    if route is Route.TOPICAL:
        return tuple(replace(one, per="g") if one.per == "mL" else one for one in ingredients)
    if form != "patch":
        return tuple(ingredients)
    return tuple(
        replace(one, per="h") if one.mg and one.mg < _STRONGEST_PATCH_MG else one
        for one in ingredients
    )
