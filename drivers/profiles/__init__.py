"""Device profiles: what the registers or identifiers of one make of instrument mean, as data.

A profile is a TOML file. The ones in this folder are shipped; an operator's own have the same form and go through the
same checks (`profile.parse`). Nothing here does I/O except reading the shipped files from the package.
"""

from functools import cache
from importlib.resources import files

from drivers.profiles.profile import Profile, ProfileError, parse

__all__ = ["Profile", "ProfileError", "parse", "shipped", "shipped_profile"]


@cache
def shipped() -> dict[str, Profile]:
    """The profiles of this package by name."""
    texts = {item.name: item.read_text("utf-8") for item in files(__name__).iterdir() if item.name.endswith(".toml")}
    found = [parse(text, file=name) for name, text in sorted(texts.items())]
    return {profile.name: profile for profile in found}


def shipped_profile(name: str) -> Profile:
    """The shipped profile of this name.

    Raises
    ------
    ProfileError
        If there is none; the message lists those that there are.
    """
    try:
        return shipped()[name]
    except KeyError:
        raise ProfileError(f"no profile named {name!r}; there are: {', '.join(shipped())}") from None
