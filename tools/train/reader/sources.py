"""Gathers what texts are drawn from, split into training and evaluation: words, fonts and photographs.

    python3 tools/train/reader/sources.py --words /usr/share/dict/american-english --fonts /usr/share/fonts \\
        --things ../shared/data/things100 --photographs ../shared/images --out FOLDER/sources.pt

--sheet fonts.png shows each font. No word, font family or photograph of one side is in the other.
"""

import argparse
import glob
import os
import re
import sys
import zlib

import numpy as np
import torch
from PIL import Image, ImageDraw

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

import draw
import model
import words

# Families kept for evaluation, by the beginnings of their files' names. Chosen, not hashed: many families are copies
# of one design (Arimo is Liberation Sans is Helvetica's widths), and none of these has a copy on the other side.
HELD_OUT = (
    "Andika", "B612", "Cabin", "Caladea", "Comfortaa", "ComicNeue", "CourierPrime", "Courier Prime", "Dosis", "Inter",
    "JetBrainsMono", "Lobster", "lobster", "Manrope", "OldStandard", "Quattrocento", "SourceSans3", "TT2020", "Vollkorn",
    "YanoneKaffeesatz",
)  # fmt: skip
# No letters, or such as nobody could read by themselves; or small letters that are capitals, only smaller.
UNFIT = (
    "STIXIntegrals", "STIXSize", "STIXNonUnicode", "STIXVariants", "STIXMath", "StandardSymbols", "D050000L", "Balker",
    "DejaVuMath", "BerenisADFProMath", "BecauseWe", "Go-Smallcaps", "LinLibertine_RZ", "PenguinAttack", "Junkyard",
    "Cupola", "Winks", "Wargames", "flatline", "progenisis", "MarkedFool", "It_wasn_t_me", "El_Abogado", "Delphine",
    "EBGaramondSC", "LinBiolinum_K", "LinLibertine_I.", "OCRBE", "OCRBX", "NationalPark-Outline", "SolideMirage", "dkg",
    "femkeklaver", "TT2020StyleD", "TT2020StyleF", "Solothurn", "Breip", "breip", "Humor", "unifur", "MekanusADFTitling",
    "RomandeADFStyle", "IrianisADFStyle",
)  # fmt: skip
THINGS = 6000


def font_of(path):
    """What a font can draw, or nothing where it lacks letters or digits."""
    try:
        font = draw.font_at(path, 40)
        drawn = {c: (font.getbbox(c), bytes(font.getmask(c))) for c in model.CHARACTERS + "\U000f1234"}
    except OSError:
        return None
    missing = drawn["\U000f1234"]
    lacks = "".join(c for c in model.CHARACTERS if c != " " and (drawn[c] == missing or not any(drawn[c][1])))
    # Some draw small letters as capitals: a picture cannot tell which was meant.
    capitals = sum(drawn[c] == drawn[c.upper()] or c in lacks for c in "abdefghnqrt") > 5
    needed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + ("" if capitals else "abcdefghijklmnopqrstuvwxyz")
    if set(needed) & set(lacks):
        return None
    return {"path": path, "capitals": capitals, "lacks": lacks}


def fonts_in(folder):
    """(families of training, of evaluation), each a list of fonts."""
    families = ({}, {})
    for path in sorted(glob.glob(os.path.join(folder, "**", "*"), recursive=True)):
        name = os.path.basename(path)
        if not path.lower().endswith((".ttf", ".otf")) or name.startswith(UNFIT):
            continue
        font = font_of(path)
        if font:
            family = re.sub(r"(Mono|Sans|Serif|Text|Display|Condensed|Std|\d).*$", "", re.split(r"[-_\[ ]", name)[0])
            sides = families[name.startswith(HELD_OUT)]
            sides.setdefault((os.path.dirname(path), family), []).append(font)
    return [list(side.values()) for side in families]


def photographs_in(things, folder):
    """(of training, of evaluation), each [small ones, large ones], uint8 arrays."""
    import data

    small = []
    for part, count in (("train", THINGS), ("val", THINGS // 8)):
        pictures, _, _ = data.decode(things, part)
        chosen = np.random.default_rng(1).permutation(len(pictures))[:count]
        small.append(list(pictures[chosen]))
    large = ([], [])
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        if path.lower().endswith((".jpeg", ".jpg", ".png")):
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((400, 400))
            large[zlib.crc32(os.path.basename(path).encode()) % 5 == 0].append(np.asarray(picture))
    return [[small[side], large[side]] for side in (0, 1)]


def drawer(path, evaluation, spaced=0.0, empty=0.0):
    """The Drawer of one side, from what main() wrote; shares as it has them."""
    saved = torch.load(path, weights_only=False)
    side = int(evaluation)
    texts = words.Texts(saved["words"], evaluation)
    return draw.Drawer(texts, saved["fonts"][side], saved["photographs"][side], spaced, empty)


def sheet(families, path):
    fonts = [font for family in families for font in family]
    page = Image.new("RGB", (1800, 26 * -(-len(fonts) // 3)), "white")
    canvas = ImageDraw.Draw(page)
    for i, font in enumerate(fonts):
        at = (i % 3 * 600, i // 3 * 26)
        canvas.text(at, "Rag3&hQillIo0 $€%?", fill="black", font=draw.font_at(font["path"], 20))
        label = os.path.basename(font["path"])[:32] + (" CAPS " if font["capitals"] else " ") + font["lacks"]
        canvas.text((at[0] + 300, at[1] + 6), label, fill="red", font=draw.font_at("DejaVuSans.ttf", 11))
    page.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", required=True, help="a list of words, one a line")
    parser.add_argument("--fonts", required=True, help="a folder of TrueType and OpenType fonts")
    parser.add_argument("--things", required=True, help="folder of train.tar and val.tar: small photographs")
    parser.add_argument("--photographs", required=True, help="a folder of larger ones")
    parser.add_argument("--out", required=True)
    parser.add_argument("--sheet", help="a PNG of all fonts")
    args = parser.parse_args()
    found = {
        "words": words.load(args.words),
        "fonts": fonts_in(args.fonts),
        "photographs": photographs_in(args.things, args.photographs),
    }
    torch.save(found, args.out)
    for name, side in (("training", 0), ("evaluation", 1)):
        families, (small, large) = found["fonts"][side], found["photographs"][side]
        count = sum(len(family) for family in families)
        texts = words.Texts(found["words"], bool(side))
        print(f"{name}: {len(texts.words)} words, {count} fonts of {len(families)} families,", end=" ")
        print(f"{len(small)} + {len(large)} photographs")
    if args.sheet:
        sheet(found["fonts"][0] + found["fonts"][1], args.sheet)


if __name__ == "__main__":
    main()
