"""Markdown of cards and rules to HTML that is safe to put on a page."""

from functools import cache

import nh3
from markdown_it import MarkdownIt

TAGS = frozenset({
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})  # fmt: skip


def as_html(markdown: str) -> str:
    """Return sanitised HTML; raw HTML in the text is shown as it is written."""
    return nh3.clean(
        _parser().render(markdown),
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes={"https", "http"},
        link_rel="noopener noreferrer",
    )


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
