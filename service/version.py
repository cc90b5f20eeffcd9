"""Which version of the program this is."""

from functools import cache
from importlib import metadata

DISTRIBUTION = "back-pain-cds"


@cache
def program_version() -> str:
    """Return the version that was installed; a working copy that was not has none."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed"
