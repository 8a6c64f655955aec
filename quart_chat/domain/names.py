"""Friendly names for those who do not care to make one up."""

from quart_chat.domain.codes import Chance

# Each is kind beside every animal.
ADJECTIVES = (
    *("Amber", "Apt", "Azure", "Balmy", "Blithe", "Bold", "Brave", "Breezy", "Bright", "Bubbly", "Calm"),
    *("Cheery", "Clever", "Coral", "Cosmic", "Cosy", "Curious", "Dapper", "Daring", "Deft", "Eager", "Earnest"),
    *("Electric", "Fair", "Fearless", "Festive", "Fond", "Friendly", "Gallant", "Gentle", "Glad", "Golden"),
    *("Graceful", "Handy", "Happy", "Hearty", "Helpful", "Honest", "Hopeful", "Humble", "Indigo", "Jade", "Jaunty"),
    *("Jolly", "Jovial", "Joyful", "Keen", "Kind", "Lilac", "Lively", "Loyal", "Lucky", "Lunar", "Mellow", "Merry"),
    *("Mighty", "Mindful", "Minty", "Neat", "Nimble", "Noble", "Olive", "Patient", "Peachy", "Peppy", "Playful"),
    *("Plucky", "Polite", "Quiet", "Quick", "Radiant", "Ruby", "Serene", "Silver", "Sincere", "Snappy", "Solar"),
    *("Spry", "Starry", "Steady", "Sunny", "Swift", "Teal", "Tender", "Tidy", "Trusty", "Upbeat", "Valiant"),
    *("Velvet", "Violet", "Vivid", "Warm", "Winsome", "Wise", "Witty", "Zesty"),
)

ANIMALS = {
    "Alligator": "🐊", "Alpaca": "🦙", "Ant": "🐜", "Badger": "🦡", "Bat": "🦇", "Bear": "🐻", "Beaver": "🦫",
    "Bee": "🐝", "Beetle": "🪲", "Bison": "🦬", "Buffalo": "🐃", "Bunny": "🐰", "Butterfly": "🦋", "Camel": "🐫",
    "Cat": "🐱", "Caterpillar": "🐛", "Chick": "🐥", "Crab": "🦀", "Cricket": "🦗",
    "Crocodile": "🐊", "Deer": "🦌", "Dodo": "🦤", "Dog": "🐶", "Dolphin": "🐬", "Dragon": "🐲", "Dromedary": "🐪",
    "Duck": "🦆", "Eagle": "🦅", "Elephant": "🐘", "Fish": "🐟", "Flamingo": "🦩", "Fox": "🦊", "Frog": "🐸",
    "Gecko": "🦎", "Giraffe": "🦒", "Goat": "🐐", "Hamster": "🐹", "Hare": "🐇", "Hedgehog": "🦔", "Hippo": "🦛",
    "Horse": "🐴", "Iguana": "🦎", "Joey": "🦘", "Kangaroo": "🦘", "Kitten": "🐱", "Koala": "🐨", "Ladybug": "🐞",
    "Leopard": "🐆", "Lion": "🦁", "Lizard": "🦎", "Llama": "🦙", "Lobster": "🦞", "Mammoth": "🦣", "Mouse": "🐭",
    "Octopus": "🐙", "Otter": "🦦", "Owl": "🦉", "Oyster": "🦪", "Panda": "🐼", "Parrot": "🦜", "Peacock": "🦚",
    "Penguin": "🐧", "Pony": "🐴", "Poodle": "🐩", "Puppy": "🐶", "Rabbit": "🐰", "Raccoon": "🦝",
    "Raptor": "🦖", "Rhino": "🦏", "Rooster": "🐓", "Sauropod": "🦕", "Seal": "🦭", "Shark": "🦈", "Sheep": "🐑",
    "Shrimp": "🦐", "Sloth": "🦥", "Snail": "🐌", "Squid": "🦑", "Swan": "🦢", "Tiger": "🐯", "Tortoise": "🐢",
    "Turkey": "🦃", "Turtle": "🐢", "Unicorn": "🦄", "Wallaby": "🦘", "Whale": "🐳", "Wolf": "🐺", "Yak": "🐂",
    "Zebra": "🦓",
}  # fmt: skip
"""Animals by name, each with the emoji (Unicode 13 or older) that shows it."""


def friendly_name(chance: Chance) -> str:
    """Make up a name of an adjective and an animal, such as "Teal Otter"."""
    return f"{chance.choice(ADJECTIVES)} {chance.choice(tuple(ANIMALS))}"
