"""The words of a dosage instruction: units, numbers in one spelling, and what stands beside."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

# Unit names as they stand in `Amount.unit`, with what people and systems write for them.
_UNIT_WORDS: Final[Mapping[str, str]] = {
    "tablet": "tablet tablets tab tabs tbl caplet caplets",
    "pill": "pill pills",
    "capsule": "capsule capsules cap caps",
    "film": "film films strip strips",
    "patch": "patch patches ptch",
    "lozenge": "lozenge lozenges troche troches",
    "suppository": "suppository suppositories supp",
    "syringe": "syringe syringes",
    "vial": "vial vials",
    "packet": "packet packets sachet sachets",
    "implant": "implant implants",
    "each": "each ea",
    "spray": "spray sprays",
    "puff": "puff puffs actuation actuations",
    "drop": "drop drops gtt gtts",
    "application": "application applications",
    "unit": "unit units iu unt usp'u",  # of heparin: neither a mass nor a tablet
    "dose": "dose doses",
    "mg": "mg mgs milligram milligrams",
    "mcg": "mcg mcgs ug microgram micrograms",
    "g": "g gm gms gram grams",
    "ml": "ml mls cc milliliter milliliters millilitre millilitres",
    "teaspoon": "tsp teaspoon teaspoons",
    "tablespoon": "tbsp tablespoon tablespoons",
}
UNITS: Final = {word: name for name, words in _UNIT_WORDS.items() for word in words.split()}
_UNITS_OF_RATE: Final = {f"{mass}/{time}": "mcg/h" for mass in ("mcg", "ug") for time in
                         ("h", "hr", "hour")}  # fmt: skip
_COUNTED: Final = (
    "tablet pill capsule film patch lozenge suppository syringe vial packet implant each"
)
PRODUCT_UNITS: Final = frozenset(_COUNTED.split())  # one of these is one unit of the product
KNOWN_UNITS: Final = frozenset({"", *_UNIT_WORDS, *_UNITS_OF_RATE.values()})
OTHER_UNIT: Final = "other unit"  # instead of a client's word, which is never shown


def unit_name(text: str) -> str:
    """Return our name of a unit written or coded in a usual way: ``{tbl}`` is ``tablet``.

    A unit that we do not know keeps its own letters, so that it never passes for no unit.
    """
    word = text.lower().replace("(s)", "").replace("(es)", "").strip("{}[]. ")
    word = word.replace("\N{MICRO SIGN}", "u")
    return UNITS.get(word) or _UNITS_OF_RATE.get(word, word)


def either(words: Iterable[str]) -> str:
    """Return a pattern for any of these words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


NUMBER: Final = r"(?:\d{1,7}(?:\.\d{1,6})?|\.\d{1,6})"
ANY: Final = rf"{NUMBER}(?: ?(?:-|to|or) ?{NUMBER})?"
UNIT: Final = rf"(?P<unit>{either(UNITS)})\b"
PRODUCT: Final = either(w for w, name in UNITS.items() if name in PRODUCT_UNITS)
HOURS: Final = r"(?:hours?|hrs?|h)\b"

_TO_NINE: Final = "one two three four five six seven eight nine"
_TEENS: Final = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES: Final = {word: number for number, word in enumerate(f"{_TO_NINE} {_TEENS}".split(), 1)}
_TENFOLD: Final = {word: 10 * number for number, word in enumerate(_TENS.split(), 2)}
_NUMBER_WORDS: Final[Mapping[str, str]] = {
    "half": "0.5", "twice": "2 times", "thrice": "3 times",
    **{word: str(number) for word, number in (_ONES | _TENFOLD).items()},
    **{f"{tens}{sign}{one}": str(tenfold + ones) for tens, tenfold in _TENFOLD.items()
       for ones, one in enumerate(_TO_NINE.split(), 1) for sign in "- "},
}  # fmt: skip
_IN_WORDS: Final = rf"(?:{either(_NUMBER_WORDS)})"
_NUMBER_WORD: Final = re.compile(rf"\b{_IN_WORDS}\b")
_SAID: Final = rf"(?:{NUMBER}|{_IN_WORDS}\b)"
_RANGE_SAID: Final = rf"{_SAID}(?: ?(?:-|to) ?{_SAID})?"
_SAID_TWICE: Final = re.compile(rf"(?<![\w./-])({_RANGE_SAID}) ?\( ?({_RANGE_SAID}) ?\)")

_CHARACTERS: Final = str.maketrans(
    {"\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{MULTIPLICATION SIGN}": "x",
     "\N{VULGAR FRACTION ONE HALF}": " 1/2", "\N{DEGREE SIGN}": "h", "\N{MICRO SIGN}": "u",
     "\N{NO-BREAK SPACE}": " ", "\n": " ", "\t": " "}
)  # fmt: skip
# Each is tried only where its sign stands.
_REWRITES: Final = tuple(
    (sign, re.compile(pattern), replacement)
    for sign, pattern, replacement in (
        ("s)", r"\((?:e?s)\)", ""),
        ("/", r" ?/ ?(?=day\b)", " per "),
        (",", r"(?<=\d),(?=\d{3}\b)", ""),
        (".", r"\b([a-z])\.(?=[a-z]\b)", r"\1"),  # q.i.d.
        (".", r"\bq\.(?= ?\d)", "q "),  # q.6h. is no q 0.6 h
        ("(", rf" ?\( ?{ANY} ?(?:mg|mcg|g|ml)(?:/\w+)?(?: total)? ?\)", ""),  # "(5 mg total)"
        # "5 mg oral tablet" is a tablet of 5 mg
        ("oral", rf"(?<=[mc]g) oral ({PRODUCT})\b", r" \1 oral"),
        ("half", r"\bone[- ]half\b", "half"),
        ("half", r"\bhalf (?:of )?an? ", "half "),
        ("1/2", r"(?<![\d./])(\d+) (?:and )?1/2(?![\d/])", r"\1.5"),
        ("1/2", r"(?<![\d./])1/2(?![\d/])", "0.5"),
    )
)
_AND_A_HALF: Final = re.compile(r"(?<![\w./-])(\d{1,3}) and (?:a )?0\.5(?![\d.])")


def plain(text: str) -> str:
    """Return the text in lower case with every number in digits, and once."""
    text = " ".join(text.lower().translate(_CHARACTERS).split())
    for sign, pattern, replacement in _REWRITES:
        if sign in text:
            text = pattern.sub(replacement, text)
    if "(" in text:
        text = _SAID_TWICE.sub(_once, text)
    return _AND_A_HALF.sub(r"\1.5", _in_digits(text))


def _in_digits(text: str) -> str:
    return _NUMBER_WORD.sub(lambda match: _NUMBER_WORDS[match[0]], text)


def _once(match: re.Match[str]) -> str:
    """Read "6 (six)" as 6; two numbers that differ both stay, and make the text unknown."""
    first, second = (_in_digits(said).replace(" to ", "-").replace(" ", "") for said in
                     match.groups())  # fmt: skip
    return match[1] if first == second else match[0]


_DATE: Final = r"\d{1,2}/\d{1,2}/\d{2,4}"
_CLOCK: Final = r"(?:\d{1,2}:\d\d|\d{3,4}|\d{1,2}(?= ?[ap]m\b))(?: ?[ap]m\b)?"
_WHEN: Final = (
    rf"(?:(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{{0,6}},? )?{_DATE}|today|tonight|tomorrow)"
    rf"(?:,? at {_CLOCK})?(?![\w/]*\d)"
)
_PAIN: Final = r"(?:score|scale|level|rating|mild|moderate|severe|pain)"
_RATED: Final = r"(?:10|\d)(?: ?(?:-|to|or) ?(?:10|\d))?"
# What an instruction may say beside the dose. Nearly all branches begin with a letter or a
# sign, so that the search passes quickly over a text that has none of them.
BESIDE: Final = re.compile(
    r"\b(?:(?:and )?then (?:stop|discontinue|dc|d/c)\b"
    # "for pain 3 times a day" tells no score, "for pain 1-2 q6h" may tell a dose, 4-6 does not.
    rf"|pains?(?:(?:(?:[ ,:(-]{{1,3}}{_PAIN}s?\b){{1,3}}:? ?\(?| ?\() ?(?>{_RATED}(?: ?/ ?10)?)"
    rf"|:? (?>[4-9] ?(?:-|to) ?(?:10|[5-9])))"
    rf"(?![\d.]*\d| ?(?:{either(UNITS)}|x(?! ?\d)|times?|hours?|hrs?|h|days?)\b) ?\)?"
    rf"|pains?:? (?>{_RATED})(?: ?/ ?10\b|(?= ?(?:[;,.](?!\d)|$)))"
    r"|(?:disp(?:ense)?|qty|quantity)[:.]? ?#? ?\d{1,5}"
    r"|(?:refills?|rf)(?: x| ?[:=#])? ?\d{1,3}(?![\d.]*\d)"
    rf"|for (?:up to )?{ANY} ?{HOURS}"
    rf"|(?:remove|off|discard)(?: patch)? (?:after|within) {ANY} ?{HOURS}"
    rf"|with {ANY} ?(?:oz|ounces?|glass(?:es)?|cups?|ml) (?:of )?[a-z]+"
    r"|for (?:[2-9]|\d\d) doses\b"
    r"|x ?(?:[2-9]|\d\d) doses\b"
    r"|(?:(?:first|last) dose(?: \(after last [a-z]{1,20}\))?|start(?:ing)?|until|dnf"
    r"|(?:do not|may|ok to) fill)(?: (?:on or after|on|until|before|after))? "
    rf"{_WHEN}"
    rf"|12 ?{HOURS} on,? ?(?:and |/ ?)?12 ?{HOURS} off)"
    rf"|(?<!mg), ?(?:[2-9]|\d{{2,4}}) (?:{PRODUCT}|ml),? ?\d{{1,2}} refills?\b"
    r"|(?<![\w.,/-])\d{1,2} refills?\b"
    r"|#\s?\d{1,5}(?: ?/ ?\d{1,5})?"
)
STRENGTH_OF_PATCH: Final = re.compile(
    rf"{NUMBER} ?[mu]c?g ?/ ?h(?:r|our)?(?= ?(?:patch|transdermal))"
)
