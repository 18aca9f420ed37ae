"""The hand-made synthetic people of the catalogue.

`load_personas()` reads the data files on its first call and keeps what it read; there is no module-level
constant, since an import touches no file. Every slug says in `why` which case it exists for. All of them are
invented: their numbers end in 000000 to 000999, a block kept for the mock.
"""

from functools import cache
from importlib import resources

from mock_c06.population.model import Persona
from mock_c06.population.persona_rows import parse_personas
from mock_c06.population.units import load_units

THEMES = ("family", "households", "names", "ethnic_names", "numbers", "life", "addresses")


@cache
def load_personas() -> tuple[Persona, ...]:
    """Give the whole catalogue, in the order of the files and of the rows in them."""
    folder = resources.files(__package__).joinpath("data")
    texts = {theme: folder.joinpath(f"personas_{theme}.toml").read_text(encoding="utf-8") for theme in THEMES}
    return parse_personas(texts, load_units())


def get_persona(slug: str) -> Persona:
    """Give one persona of the catalogue, or raise `KeyError` with the slug."""
    for persona in load_personas():
        if persona.slug == slug:
            return persona
    raise KeyError(slug)
