"""Make a drug of what free text or a display says: ingredients, strengths, form, route."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations

from cards import drug_names, drug_phrases, drug_table
from cards.chart import Drug, Identified, Ingredient, Route
from cards.drug_classes import classes_of, classes_together, leading_first
from cards.drug_labels import label, whole_name
from cards.drug_phrases import Run

_NUMBER = r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)"
# "5 mg", "5-325 mg", "10 mg/5 ml", "25 mcg/hr", "1 %"; the unit may be missing: "5/325"
_STRENGTH = re.compile(
    rf"(?<![\w.#])({_NUMBER}(?: ?[-/] ?{_NUMBER})*) ?-?(mcg|mg|gm?|%)?(?!\w)"
    rf"(?: ?(?:/|per) ?({_NUMBER})? ?(ml|hr?|hour|actuat\w*|spray)\b)?"
)
_NUMBERS = re.compile(_NUMBER)
_LETTERS = re.compile(r"[a-z]+")
_PER = {"h": "hr", "hour": "hr"}
# The other words for "extended release"; "controlled" alone may be of the substance.
_RELEASED_SLOWLY = re.compile(
    r"\b(?:sustained|controlled|prolonged|slow)[ -]release\b|\blong[ -]acting\b"
)
_COATED = re.compile(r"\bfilm(?=[ -]coated\b)", re.IGNORECASE)  # no film to put in the mouth
_PACK = re.compile(r"dose ?-?pac?k|\bpak\b|taper ?-?pac?k")
_MOST_TEXT = 300
_STRONGEST_PATCH_MG = 1.0  # a patch that says "25 mcg" means 25 mcg/h


def named(text: str) -> frozenset[str]:
    """Return every ingredient that a text names, and common drugs of no class too."""
    return drug_phrases.named(text[:_MOST_TEXT].lower())


def find(text: str) -> Drug | None:
    """Return the drug that a text names, None if it names none of our classes."""
    text = _COATED.sub("", text[:_MOST_TEXT])
    lower = text.lower()
    run = drug_phrases.run(lower)
    if not run:
        return None
    product = drug_names.parse(text, drug_phrases.known_names())
    if product and _is_whole(product, text, run):
        return _drug(lower, _in_our_words(product, text), Identified.NAME)
    return _drug(lower, _product(lower, run), Identified.TEXT, _given(run))


def _is_whole(product: drug_names.Product, text: str, run: Run) -> bool:
    """Tell an RxNorm-like name from a text that only begins like one."""
    found = {one.name for one in product.ingredients}
    if not all(one.name in found for hit in run.hits for one in hit.phrase.ingredients):
        return False
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
        extended=_says_extended(text),
    )


def _says_extended(text: str) -> bool:
    return drug_names.says_extended(text) or bool(_RELEASED_SLOWLY.search(text.lower()))


def _given(run: Run) -> Route | None:
    return next((hit.phrase.route for hit in run.hits if hit.phrase.route), None)


def _product(text: str, run: Run) -> drug_names.Product:
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
        extended=_says_extended(said),
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
    sold = _sold(tuple(leading_first(names)))
    orders = (
        tuple(strengths[number][place] for place, number in zip(places, order, strict=True))
        for order in permutations(places)
    )
    return next((order for order in orders if frozenset(order) in sold), in_order)


@cache
def _sold(names: tuple[str, ...]) -> frozenset[frozenset[Ingredient]]:
    """Return the strengths that the products with these ingredients have."""
    rows = drug_table.products(names)
    return frozenset(frozenset(drug_table.ingredients_of_row(row)) for row in rows)


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
    alike = drug_table.products(names, product.brand)
    if product.extended:
        alike = [row for row in alike if row.extended] or alike
    if not said.form and given is not None:
        return ("" if given is Route.UNKNOWN else _only_form(alike)), given
    form = said.form or _only_form(alike)
    of_form = [row for row in alike if row.form == form] if form else alike
    route = _route_of(of_form, product.ingredients)
    if route is Route.UNKNOWN:
        route = said.route
    if route is Route.TRANSDERMAL and drug_table.through_the_skin().isdisjoint(names):
        route = Route.TOPICAL
    if route is Route.UNKNOWN and product.pack:
        route = Route.ORAL
    return form, route


def _route_of(rows: Sequence[drug_table.Row], ingredients: Sequence[Ingredient]) -> Route:
    """Return the only route of these products, or of those with this strength.

    Buprenorphine alone is sold as a film in micrograms only: 8 mg is no buccal film.
    """
    route = drug_table.only_route(rows)
    if route not in (Route.UNKNOWN, Route.BUCCAL) or any(one.mg is None for one in ingredients):
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
