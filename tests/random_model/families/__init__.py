"""What the tests know of each family: a file each, with the name of the family's file in tools/random_model.

A family's file has
  MILLIONS  parameters by architecture, as timm's result tables have them; BatchNorm's statistics do not count
  forward   (weights, input [n, rows, cols, 3], arguments) -> logits, written from timm's sources; optional
  SMALL     with it, cases for the program: architecture, what config.json tells, what it does not, rows and columns
  SILENT    what the config.json of a golden folder keeps silent about, by the folder's name; optional
"""
import importlib
import pkgutil

from hub import VARIANTS

FAMILIES = {name: importlib.import_module(f"{__name__}.{name}") for _, name, _ in pkgutil.iter_modules(__path__)}


def family_of(architecture):
    return FAMILIES[VARIANTS[architecture].__name__]


def check():
    """Raises when a file is missing, or what a family tells would not be looked at."""
    for name in FAMILIES.keys() ^ {family.__name__ for family in VARIANTS.values()}:
        raise ValueError(f"{name}.py is in tools/random_model or in {__path__[0]}, and not in the other")
    for family in FAMILIES.values():
        small = getattr(family, "SMALL", [])
        if hasattr(family, "forward") != bool(small):
            raise ValueError(f"{family.__file__}: forward and SMALL need each other, and one is missing")
        for architecture in [*family.MILLIONS, *(case[0] for case in small)]:
            if architecture not in VARIANTS or family_of(architecture) is not family:
                raise ValueError(f"{family.__file__} names {architecture}, which is not of its family")


check()
