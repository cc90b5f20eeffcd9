"""Take an RxNorm-like name apart: ingredients with strengths, form, route, brand, pack."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from cards.chart import Ingredient, Route

_NUMBER = r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)"
# "5 MG", "0.075 MG/HR", "2 %", "250 MG per 5 ML"
_STRENGTH = re.compile(
    rf" (?P<number>{_NUMBER}) ?(?P<unit>MCG|MG|GM?|UNT|MEQ|ML|%)"
    rf"(?:(?:/| ?per ?)(?P<count>{_NUMBER})? ?(?P<per>ML|MG|GM?|HR|DAY|ACTUAT|SPRAY))?"
    r"(?= |\)|$)",
    re.IGNORECASE,
)
_QUANTITY = re.compile(rf"^({_NUMBER} (?:HR|ML|ACTUAT|MG))\b *", re.IGNORECASE)
_MANNER = re.compile(r"^(?:Abuse-Deterrent|Matrix Delivery|Once-Daily) +", re.IGNORECASE)
_BRAND = re.compile(r" *\[([^\]]*)\]? *$")
_PACK = re.compile(r"^\{(.*)\} *Pack\b *(?:\[(.*)\])?$", re.IGNORECASE)
_PACK_PART = re.compile(r" / (?=\d+ \()")
_PACKED = re.compile(rf"^\d+ (?:\({_NUMBER} [A-Z]+\) )?\((.*?)\)? *$", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")
_LASTS = re.compile(r"(?<!every )(?<!per )(?<!q)\b(?:8|12|24) ?(?:hr|hour)\b", re.IGNORECASE)

_MG = {"mcg": 0.001, "mg": 1.0, "g": 1000.0, "gm": 1000.0}
_PER = {"ml": "mL", "hr": "h", "actuat": "actuation", "spray": "actuation"}
# An old RxNorm name says 400 MG where 400 mcg must be meant: such a strength is unknown.
_MOST_MG = {"fentanyl": 20.0}
# What the name of the form leaves out: taken up in the mouth, or sold for the spine only.
_REALLY = {
    ("baclofen", "injection"): Route.INTRATHECAL,
    ("fentanyl", "lozenge"): Route.BUCCAL,
    ("buprenorphine", "film"): Route.SUBLINGUAL,
}
_ON_THE_LINING = frozenset({"gel", "ointment", "paste"})
_PARENTERAL = frozenset(
    {Route.INTRAVENOUS, Route.INTRAMUSCULAR, Route.SUBCUTANEOUS, Route.INJECTION}
)


class Product(NamedTuple):
    """What a name says."""

    ingredients: tuple[Ingredient, ...]
    form: str = ""
    route: Route = Route.UNKNOWN
    extended: bool = False
    pack: bool = False
    brand: str = ""
    quantity: str = ""  # "72 HR", "0.5 ML"


class Form(NamedTuple):
    """What the words of a dose form say; ``stated`` if a word names the route itself."""

    form: str
    route: Route
    stated: bool


@cache
def _words(section: str) -> Mapping[str, str]:
    """Map each word of a section of dose_forms.toml to its key."""
    text = files("cards").joinpath("dose_forms.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)[section]
    return {word: key for key, words in entries.items() for word in words}


@cache
def form_words() -> frozenset[str]:
    """Return the words of forms, routes, releases and salts."""
    sections = ("forms", "routes", "implied", "extended", "beside")
    return frozenset(word for section in sections for word in _words(section))


def read_form(words: Iterable[str]) -> Form:
    """Read form and route from lower-case words: ``oral tablet``, ``po tabs``, ``gel``."""
    words = list(words)
    forms = [_words("forms")[word] for word in words if word in _words("forms")]
    stated = {Route(_words("routes")[word]) for word in words if word in _words("routes")}
    implied = [Route(_words("implied")[word]) for word in words if word in _words("implied")]
    form = forms[0] if forms else ""
    if stated:
        return Form(form, _one(stated), stated=True)
    return Form(form, implied[0] if implied else Route.UNKNOWN, stated=False)


def _one(routes: Collection[Route]) -> Route:
    if len(routes) == 1:
        return next(iter(routes))
    return Route.INJECTION if _PARENTERAL.issuperset(routes) else Route.UNKNOWN


def says_extended(text: str) -> bool:
    """Tell whether a name says extended release: ``ER``, ``XR``, ``12 HR``."""
    return bool(_LASTS.search(text)) or any(
        word in _words("extended") for word in _WORD.findall(text.lower())
    )


def parse(name: str, known: Collection[str]) -> Product | None:
    """Take a name apart; ``known`` are ingredient names. None if it names no known one."""
    pack = _PACK.match(name.strip())
    if pack:
        return _parse_pack(pack[1], pack[2] or "", known)
    return _parse_product(name.strip(), known)


def _parse_pack(contents: str, brand: str, known: Collection[str]) -> Product | None:
    matches = [_PACKED.match(part.strip()) for part in _PACK_PART.split(contents)]
    parts = [_parse_product(match[1], known) for match in matches if match]
    found = [part for part in parts if part]
    if not found:
        return None
    first = found[0]
    return Product(
        _merge_packed([part.ingredients for part in found]),
        form=first.form if len({part.form for part in found}) == 1 else "",
        route=_one({part.route for part in found}),
        extended=all(part.extended for part in found),
        pack=True,
        brand=brand or first.brand,
    )


def _merge_packed(parts: Sequence[Sequence[Ingredient]]) -> tuple[Ingredient, ...]:
    """Keep a strength that is the same all through the pack; any other is unknown."""
    merged: dict[str, Ingredient] = {}
    for ingredient in (one for part in parts for one in part):
        before = merged.setdefault(ingredient.name, ingredient)
        if before != ingredient:
            merged[ingredient.name] = Ingredient(ingredient.name)
    return tuple(merged.values())


def _parse_product(name: str, known: Collection[str]) -> Product | None:
    name, brand = _cut_brand(name)
    name = _MANNER.sub("", name)
    quantity = _QUANTITY.match(name)
    components = name[quantity.end() :].split(" / ") if quantity else name.split(" / ")
    ingredients = _add_up(_read_component(part, known) for part in components)
    if not ingredients:
        return None
    ends = [match.end() for match in _STRENGTH.finditer(components[-1])]
    tail = components[-1][ends[-1] :] if ends else components[-1]
    form = read_form(_WORD.findall(tail.lower()))
    return Product(
        ingredients,
        form=form.form,
        route=settle_route((one.name for one in ingredients), form.form, form.route),
        extended=says_extended(name) or form.route is Route.TRANSDERMAL,
        brand=brand,
        quantity=quantity[1] if quantity else "",
    )


def _cut_brand(name: str) -> tuple[str, str]:
    match = _BRAND.search(name)
    return (name[: match.start()], match[1]) if match else (name, "")


def split_brand(name: str) -> tuple[str, str]:
    """Split a name that begins with its brand: ``Ativan`` and `` 1 MG Oral Tablet``."""
    match = _STRENGTH.search(name)
    if match:
        return name[: match.start()], name[match.start() :].strip()
    words = name.split()
    start = len(words)
    while start > 1 and words[start - 1].lower() in form_words():
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def settle_route(names: Iterable[str], form: str, route: Route) -> Route:
    """Say a route better than its form does: in the mouth, on its lining, in the spine."""
    if route not in (Route.ORAL, Route.INJECTION):
        return route
    if form in _ON_THE_LINING:
        return Route.TOPICAL
    return next((_REALLY[name, form] for name in names if (name, form) in _REALLY), route)


def _read_component(component: str, known: Collection[str]) -> Ingredient | None:
    match = _STRENGTH.search(component)
    name = longest_known(component[: match.start()] if match else component, known)
    if not name or not match:
        return Ingredient(name) if name else None
    return strength(name, match["number"], match["unit"], match["count"], match["per"])


def longest_known(text: str, known: Collection[str]) -> str:
    """Return the longest known name that a text begins with, else ``""``."""
    words = text.lower().replace("(", " ").split()
    starts = (" ".join(words[:count]) for count in range(len(words), 0, -1))
    return next((start for start in starts if start in known), "")


def strength(
    name: str, number: str, unit: str, count: str | None = None, per: str | None = None
) -> Ingredient:
    """Bring a strength to mg per unit, mL, h, actuation or g; unknown if it cannot be."""
    amount = float(number.replace(",", ""))
    unit, per = unit.lower(), (per or "").lower()
    if unit == "%":
        return Ingredient(name, _tidy(amount * 10), "mL")
    if unit not in _MG:
        return Ingredient(name)
    mg = amount * _MG[unit] / (float((count or "1").replace(",", "")) or 1)
    if per == "day":
        mg, per = mg / 24, "hr"
    if per in ("mg", "g", "gm"):
        return Ingredient(name, _tidy(mg * 1000 if per == "mg" else mg), "g")
    if not per and mg > _MOST_MG.get(name, mg):
        return Ingredient(name)
    return Ingredient(name, _tidy(mg), _PER.get(per, "unit"))


def _tidy(mg: float) -> float:
    return float(f"{mg:.6g}")


def _add_up(components: Iterable[Ingredient | None]) -> tuple[Ingredient, ...]:
    """Join two salts of one ingredient ("oxycodone hydrochloride / terephthalate")."""
    joined: dict[str, Ingredient] = {}
    for one in components:
        if one is None:
            continue
        before = joined.get(one.name)
        if before is None:
            joined[one.name] = one
        elif before.mg is not None and one.mg is not None and before.per == one.per:
            joined[one.name] = Ingredient(one.name, _tidy(before.mg + one.mg), one.per)
        else:
            joined[one.name] = Ingredient(one.name)
    return tuple(joined.values())
