"""Name a drug in our own words: short for a summary, whole for a detail."""

from collections.abc import Sequence

from cards.chart import Ingredient
from cards.drug_classes import classes_of

_LONGEST = 45
_MANY = 3
# Forms that go without saying; any other is said, because it changes what the drug does.
_USUAL = frozenset({"", "tablet", "capsule", "pill", "syrup", "powder", "drops"})
# Below 1 mg these are prescribed in micrograms, other drugs are not ("alprazolam 0.25 mg").
_IN_MCG = frozenset({"alfentanil", "buprenorphine", "fentanyl", "remifentanil", "sufentanil"})
_ON_THE_SKIN = frozenset({"cream", "foam", "gel", "lotion", "ointment", "patch"})


def label(
    ingredients: Sequence[Ingredient], form: str, *, extended: bool = False, pack: bool = False
) -> str:
    """Return a short name: ``oxycodone ER 20 mg``, ``diclofenac 1 % gel``."""
    names = "/".join(ingredient.name for ingredient in ingredients)
    if len(ingredients) > _MANY or len(names) > _LONGEST:
        names, ingredients = f"{ingredients[0].name} combination", ()
    if pack:
        steroid = any("corticosteroid" in classes_of(one.name) for one in ingredients)
        return _fit(f"{names} dose pack" if steroid else f"{names} pack", names)
    sprayed = any(one.per == "actuation" for one in ingredients)
    said = "" if form in _USUAL or sprayed else form
    if form == "patch":
        return _fit(_joined(names, "patch", _strengths(ingredients, form)), names)
    release = "ER" if extended and form != "film" else ""
    return _fit(_joined(names, release, _strengths(ingredients, form), said), names)


def _fit(text: str, names: str) -> str:
    return text if len(text) <= _LONGEST else names


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def _strengths(ingredients: Sequence[Ingredient], form: str) -> str:
    """Write the strengths together, or nothing unless all are known in the same unit."""
    amounts = [one.mg for one in ingredients if one.mg is not None]
    units = {one.per for one in ingredients}
    if not amounts or len(amounts) < len(ingredients) or len(units) > 1:
        return ""
    per = units.pop()
    if per == "g" or (per == "mL" and form in _ON_THE_SKIN):
        return _numbers(amounts, 0.1) + " %"
    if per == "h" or (max(amounts) < 1 and all(one.name in _IN_MCG for one in ingredients)):
        return _numbers(amounts, 1000) + " mcg" + _per(per)
    return _numbers(amounts, 1) + " mg" + _per(per)


def _numbers(amounts: Sequence[float], factor: float) -> str:
    return "/".join(f"{amount * factor:g}" for amount in amounts)


def _per(per: str) -> str:
    return {"unit": "", "actuation": "/spray"}.get(per, f"/{per}")


def whole_name(ingredients: Sequence[Ingredient], form: str) -> str:
    """Return a name with every ingredient, for a drug without an RxNorm name."""
    parts = [
        ingredient.name
        if ingredient.mg is None
        else f"{ingredient.name} {ingredient.mg:g} MG{_per(ingredient.per)}"
        for ingredient in ingredients
    ]
    return _joined(" / ".join(parts), form)
