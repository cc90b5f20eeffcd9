"""The rulebook and the policy as this site uses them."""

from dataclasses import replace

from cards.policy import load_policy
from cards.rulebook import load_rulebook
from cards.site import Site, read_site
from service.settings import Settings


def site_of(settings: Settings) -> Site:
    """Return what ships, as the site's file changes it if there is one."""
    book = load_rulebook()
    shipped = Site(book, load_policy(), judge=book, canonical_base=settings.canonical_base)
    if settings.site_file is None:
        return shipped
    chosen = read_site(settings.site_file, shipped.book, shipped.policy)
    return replace(chosen, canonical_base=chosen.canonical_base or settings.canonical_base)
