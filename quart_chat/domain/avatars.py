"""A face for everybody: an emoji by the name, a colour by the visitor."""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2s
from unicodedata import normalize

from quart_chat.domain.names import ANIMALS
from quart_chat.domain.text import fold_name

HUES = 24  # discs of different colour, one CSS class each

# Animals, food and things by the letter they begin with. All are Unicode 13 or older, one code point,
# and shown in colour by default, so that phones some years old have them.
THINGS = {
    "a": {"ant": "🐜", "apple": "🍎", "avocado": "🥑", "accordion": "🪗", "anchor": "⚓"},
    "b": {"bear": "🐻", "bee": "🐝", "butterfly": "🦋", "banana": "🍌", "balloon": "🎈", "bagel": "🥯"},
    "c": {"cat": "🐱", "crab": "🦀", "cactus": "🌵", "cherries": "🍒", "cookie": "🍪", "carrot": "🥕"},
    "d": {"dolphin": "🐬", "duck": "🦆", "dodo": "🦤", "dragon": "🐲", "doughnut": "🍩", "drum": "🥁"},
    "e": {"elephant": "🐘", "eagle": "🦅", "egg": "🥚", "evergreen": "🌲", "earth": "🌍"},
    "f": {"fox": "🦊", "frog": "🐸", "flamingo": "🦩", "fish": "🐟", "feather": "🪶", "firework": "🎆"},
    "g": {"giraffe": "🦒", "goat": "🐐", "grapes": "🍇", "guitar": "🎸", "gem": "💎", "garlic": "🧄"},
    "h": {"hedgehog": "🦔", "hamster": "🐹", "horse": "🐴", "hibiscus": "🌺", "honey": "🍯", "hippo": "🦛"},
    "i": {"ice cream": "🍨", "ice cube": "🧊", "iguana": "🦎", "icing": "🧁", "insect": "🐞"},
    "j": {"joey": "🦘", "jigsaw": "🧩", "juice": "🧃", "jack-o'-lantern": "🎃", "jeans": "👖"},
    "k": {"koala": "🐨", "kangaroo": "🦘", "kiwi": "🥝", "kite": "🪁", "key": "🔑"},
    "l": {"lion": "🦁", "llama": "🦙", "ladybug": "🐞", "lemon": "🍋", "lobster": "🦞", "lollipop": "🍭"},
    "m": {"mouse": "🐭", "mammoth": "🦣", "mango": "🥭", "melon": "🍈", "mushroom": "🍄", "moon": "🌙"},
    "n": {"noodles": "🍜", "nut": "🌰", "notebook": "📓", "night sky": "🌌", "note": "🎵", "newspaper": "📰"},
    "o": {"otter": "🦦", "owl": "🦉", "octopus": "🐙", "orange": "🍊", "olive": "🫒", "onion": "🧅"},
    "p": {"panda": "🐼", "penguin": "🐧", "parrot": "🦜", "pineapple": "🍍", "peach": "🍑", "pretzel": "🥨"},
    "q": {"queen's crown": "👑", "quill": "🪶", "quartz": "🔮", "quiche": "🥧", "queen bee": "🐝"},
    "r": {"rabbit": "🐰", "raccoon": "🦝", "rocket": "🚀", "rainbow": "🌈", "rose": "🌹", "robot": "🤖"},
    "s": {"sloth": "🦥", "swan": "🦢", "seal": "🦭", "strawberry": "🍓", "sunflower": "🌻", "saxophone": "🎷"},
    "t": {"tiger": "🐯", "turtle": "🐢", "tomato": "🍅", "tulip": "🌷", "taco": "🌮", "trumpet": "🎺"},
    "u": {"unicorn": "🦄", "umbrella": "☔", "UFO": "🛸"},
    "v": {"violin": "🎻", "volcano": "🌋", "volleyball": "🏐", "van": "🚐", "vegetables": "🥦", "vase": "🏺"},
    "w": {"whale": "🐳", "wolf": "🐺", "watermelon": "🍉", "waffle": "🧇", "wave": "🌊", "watch": "⌚"},
    "x": {"Xmas tree": "🎄", "x-ray fish": "🐠", "xylophone music": "🎶"},
    "y": {"yak": "🐂", "yo-yo": "🪀", "yarn": "🧶", "yacht": "⛵", "yam": "🍠"},
    "z": {"zebra": "🦓", "zucchini": "🥒", "zinnia": "🌼"},
}

FOR_EVERYONE_ELSE = ("🌈", "🌻", "🍀", "⭐", "🎈", "🐚", "🌸", "🍉", "🎨", "🪁", "🌵", "🧩")
"""For names that begin with a digit, another script or an emoji."""

_PICTURES = {letter: tuple(things.values()) for letter, things in THINGS.items()}
_ANIMALS = {fold_name(animal): emoji for animal, emoji in ANIMALS.items()}

# The letters that Unicode does not take apart into a base and a mark.
_BASES = str.maketrans({"æ": "a", "œ": "o", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "t", "ħ": "h", "ı": "i"})

_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=4096)
def emoji_for(name: str) -> str:
    """Pick the emoji of a cleaned name, the same everywhere.

    A name that ends in an animal wears it, numbered or not; any other begins with the same letter as its emoji.
    """
    folded = fold_name(name)
    return _animal_of(folded) or _pick(_PICTURES.get(_first_letter(folded), FOR_EVERYONE_ELSE), folded)


@lru_cache(maxsize=4096)
def hue_for(visitor_id: str) -> int:
    """Pick a visitor's colour, 0 to `HUES` - 1, the same everywhere."""
    return _number_of(visitor_id) % HUES


def _animal_of(folded: str) -> str | None:
    words = [word for word in _WORD.findall(folded) if not word.isdigit()]
    return _ANIMALS.get(words[-1]) if words else None


def _first_letter(folded: str) -> str:
    word = _WORD.search(normalize("NFKD", folded).translate(_BASES))
    return word[0][0] if word else ""


def _pick(pictures: Sequence[str], folded: str) -> str:
    return pictures[_number_of(folded) % len(pictures)]


def _number_of(text: str) -> int:
    # Not hash(): that differs from process to process.
    return int.from_bytes(blake2s(text.encode(), digest_size=8).digest())
