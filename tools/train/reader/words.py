"""Texts to draw: words of a dictionary and whatever else signs, labels and tickets say."""

import string
import zlib

import model

# A share of all texts is kept for evaluation, told by their hash: training never sees them.
HELD_OUT_SHARE = 20
DOMAINS = ("com", "org", "net", "de", "fr", "co.uk", "io", "eu", "edu", "info")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Monday", "Friday", "Saturday", "Sunday")
SIGNS = "€$"
CLOSED = (("(", ")"), ('"', '"'), ("'", "'"), ("*", "*"), ("#", ""), ("@", ""), ("&", ""), ("_", "_"), ("-", ""))
JOINTS = "-/&_.+:="


def held_out(text):
    return zlib.crc32(text.lower().encode()) % HELD_OUT_SHARE == 0


def load(path):
    """The words of a list, one a line, that the reader's characters can spell."""
    allowed = set(string.ascii_letters + "'")
    with open(path, encoding="utf-8") as file:
        words = {line.strip() for line in file}
    found = sorted(word for word in words if 1 <= len(word) <= 22 and allowed.issuperset(word))
    # Possessives are a quarter of such lists, and of no sign: one in ten stays.
    return [word for word in found if not word.endswith("'s") or zlib.crc32(word.encode()) // 64 % 10 == 0]


class Texts:
    """Draws texts of training, or of evaluation; `rng` is a random.Random."""

    def __init__(self, words, evaluation):
        self.evaluation = evaluation
        self.kind = ""  # of the last text
        self.words = [word for word in words if held_out(word.removesuffix("'s")) == evaluation]
        # By length, so that short ones are found quickly while training begins with them.
        self.words.sort(key=len)
        self.up_to = [0] * 40
        for count, word in enumerate(self.words, 1):
            self.up_to[len(word)] = count
        for length in range(1, 40):
            self.up_to[length] = max(self.up_to[length], self.up_to[length - 1])

    def word(self, rng, longest):
        word = self.words[rng.randrange(max(1, self.up_to[min(longest, 39)]))]
        shape = rng.random()
        if shape < 0.28:
            return word.upper()
        if shape < 0.5:
            return word[0].upper() + word[1:]
        return word if shape < 0.6 else word.lower()

    def dressed(self, rng, longest):
        """A word with the marks that stand at words, or two words with one between them."""
        kind = rng.random()
        if kind < 0.45:
            return self.word(rng, longest - 1) + rng.choice(".,:;!?.,")
        if kind < 0.75:
            before, after = rng.choice(CLOSED)
            return before + self.word(rng, longest - 2) + after
        half = (longest - 1) // 2
        return self.word(rng, half) + rng.choice(JOINTS) + self.word(rng, half)

    def line(self, rng, longest):
        """Two short words or three, as on a sign."""
        count = 2 if rng.random() < 0.8 else 3
        each = max(1, min(9, (longest - count + 1) // count))
        words = [self.word(rng, each) for _ in range(count)]
        if rng.random() < 0.25:
            words[rng.randrange(count)] = str(rng.randrange(1000))
        text = " ".join(words)
        return text.upper() if rng.random() < 0.3 else text

    def address(self, rng, longest):
        each = max(2, (longest - 5) // 2)
        name, host = (self.word(rng, min(each, 8)).lower().replace("'", "") for _ in range(2))
        kind, domain = rng.random(), rng.choice(DOMAINS)
        if kind < 0.5:
            return f"{name}@{host}.{domain}"
        return f"www.{host}.{domain}" if kind < 0.75 else f"{host}.{domain}/{name}"

    @staticmethod
    def scramble(rng, longest):
        """Any characters: what a language model in the decoder cannot guess."""
        kind = rng.random()
        pool = (
            string.ascii_uppercase + string.digits
            if kind < 0.35
            else string.ascii_letters
            if kind < 0.6
            else string.ascii_letters + string.digits
            if kind < 0.8
            else model.CHARACTERS.replace(" ", "")
        )
        return "".join(rng.choice(pool) for _ in range(rng.randint(1, min(longest, 10))))

    @staticmethod
    def number(rng, longest):
        kind = rng.random()
        value = rng.randrange(10 ** rng.randint(1, 7))
        if kind < 0.4:
            return str(value)
        if kind < 0.55:
            return f"{value / 100:.2f}".replace(".", rng.choice(".,"))
        if kind < 0.65:
            return f"{value:,}"
        if kind < 0.75:
            return f"{rng.randrange(101)}%"
        if kind < 0.85:
            return f"+{rng.randrange(1, 100)}-{rng.randrange(10**rng.randint(3, 8))}"
        if kind < 0.92:
            return f"({rng.randrange(100, 1000)}){rng.randrange(100, 1000)}-{rng.randrange(1000, 10000)}"
        return f"{rng.randrange(100)}{rng.choice('+-*/=')}{rng.randrange(100)}"

    @staticmethod
    def price(rng, longest):
        value, sign = rng.randrange(10 ** rng.randint(1, 5)) / 100, rng.choice(SIGNS)
        amount = f"{value:.2f}" if rng.random() < 0.7 else str(int(value) + 1)
        kind = rng.random()
        if kind < 0.5:
            return sign + amount
        return amount.replace(".", ",") + sign if kind < 0.8 else f"{sign}{int(value) + 1}.-"

    @staticmethod
    def date(rng, longest):
        day, month, year = rng.randint(1, 31), rng.randint(1, 12), rng.randint(1900, 2039)
        kind = rng.random()
        if kind < 0.3:
            joint = rng.choice("./-")
            return f"{day:02d}{joint}{month:02d}{joint}{year if rng.random() < 0.7 else year % 100:02d}"
        if kind < 0.5:
            return f"{year}-{month:02d}-{day:02d}"
        if kind < 0.75:
            return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"
        if kind < 0.85:
            return f"{day}{rng.choice((' ', '-', '.'))}{rng.choice(MONTHS)}"
        return rng.choice(DAYS) if kind < 0.93 else str(year)

    @staticmethod
    def plate(rng, longest):
        letters = lambda count: "".join(rng.choice(string.ascii_uppercase) for _ in range(count))
        digits = lambda count: "".join(rng.choice(string.digits) for _ in range(count))
        joint = rng.choice((" ", "-", "", ""))
        kind = rng.random()
        if kind < 0.4:
            return joint.join((letters(rng.randint(1, 3)), digits(rng.randint(2, 4)), letters(rng.randint(1, 3))))
        if kind < 0.7:
            return letters(rng.randint(1, 3)) + joint + digits(rng.randint(1, 5))
        return digits(rng.randint(1, 3)) + joint + letters(rng.randint(1, 4))

    def __call__(self, rng, longest=24):
        kinds = (self.word, self.dressed, self.line, self.scramble, self.number, self.price, self.date, self.plate)
        # Dictionary words are split already; the others are by what they say as a whole.
        whole = (self.scramble, self.number, self.price, self.date, self.plate)
        while True:
            [kind] = rng.choices((*kinds, self.address), (46, 8, 7, 15, 9, 4, 4, 4, 3))
            for _ in range(100):  # a kind may have nothing this short
                text = kind(rng, longest)
                if 1 <= len(text) <= longest and (kind not in whole or held_out(text) == self.evaluation):
                    self.kind = kind.__name__
                    return text
