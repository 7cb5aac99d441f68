"""The features of articles and redirects, and their meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_extra.features import flag, int32, int64, label, text

STATUSES = ("ok", "too_complex", "not_parsed")
KINDS = ("paragraph", "list")
SHA1_STATES = ("differs", "matches")

_SPAN = {
    "begin": "Where {} begins, in letters (Unicode code points) of `text`.",
    "end": "Where {} ends, behind its last letter.",
}


def _span(what: str) -> dict[str, Any]:
    return {name: int32(doc.format(what)) for name, doc in _SPAN.items()}


def _of_pages() -> dict[str, Any]:
    return {
        "id": int64("Id of the page, which stays when it is renamed."),
        "title": text("Title, without the name of the namespace."),
        "namespace": int32("Number of the namespace: 0 for articles."),
        "full_title": text("Title as published, with the name of its namespace."),
        "url": text("Address of the page: the attribution that the licence asks for links to it."),
        "revision_id": int64("Id of the revision."),
        "parent_id": int64("Id of the revision before it; 0 for the first, and if not published."),
        "timestamp": text("When it was saved, as published: 2016-05-04T12:00:00Z."),
        "timestamp_unix": int64("`timestamp` in seconds since 1970; -1 if it cannot be read."),
        "sha1": text("Published SHA-1 of the wikitext, base 36; empty before export version 0.6."),
        "sha1_ok": label(
            SHA1_STATES, "Whether the wikitext has that SHA-1; -1 if none is published."
        ),
        "num_bytes": int64("Bytes of the wikitext as the wiki counts them; -1 if not published."),
        "num_bytes_read": int64("Bytes of the wikitext, as UTF-8, in the dump."),
        "language": text("Code of the language of the wiki."),
    }


def of_articles(*, with_wikitext: bool = False) -> dict[str, Any]:
    """Returns the features of a page with text.

    Args:
      with_wikitext: Whether the text with its markup is there, too.
    """
    made = {
        **_of_pages(),
        "text": text("The text without markup; a heading is a line of its own."),
        "sections": tfds.features.Sequence(
            {
                "title": text("Heading; empty for the lead, before the first heading."),
                "level": int32("Level of the heading, 1 to 6; 0 for the lead."),
                **_span("the text of the section, without its heading,"),
            },
            doc="Sections that have a heading or text, in their order.",
        ),
        "paragraphs": tfds.features.Sequence(
            {
                "kind": label(KINDS, "A paragraph, or an item of a list."),
                "section": int32("Which of `sections` it is in, from 0 on."),
                **_span("it"),
            },
            doc="Paragraphs, and items of lists, of all sections.",
        ),
        "links": tfds.features.Sequence(
            {
                "target": text(
                    "Title of the page that it leads to, without fragment; may be empty."
                ),
                "fragment": text("What stands behind `#`: a section of that page."),
                "namespace": int32("Number of its namespace."),
                **_span("its label"),
            },
            doc="Links to pages of the wiki.",
        ),
        "external_links": tfds.features.Sequence(
            {"url": text("Address."), **_span("its label, which may be empty,")},
            doc="Links to other sites, outside of references.",
        ),
        "categories": tfds.features.Sequence(
            {
                "name": text("Name, without that of the namespace."),
                "sort_key": text("What the page is sorted by in it; empty for its title."),
            },
            doc="Categories that the page itself names; templates may add others.",
        ),
        "interlanguage": tfds.features.Sequence(
            {"language": text("Code of the language."), "title": text("Title there.")},
            doc="Links to the same article in other languages, which old dumps have in the text.",
        ),
        "files": tfds.features.Sequence(
            text("Name of a file."), doc="Pictures and other files that the page shows."
        ),
        "templates": tfds.features.Sequence(
            text("Name of a template."),
            doc="Templates that the page uses. What they expand to is not in `text`.",
        ),
        "is_disambiguation": flag(
            "Whether it only lists pages of like titles: by __DISAMBIG__ or a template that is known"
            " to mark such pages. Where the language's templates are not known it is false."
        ),
        "status": label(
            STATUSES,
            "ok; or why the text was only cleaned roughly, without links and sections: markup that"
            " is never closed would take hours (too_complex), or mwparserfromhell failed.",
        ),
        "word_count": int32("Runs of letters, digits and underscores in `text` (Python's \\w+)."),
        "char_count": int32("Letters (Unicode code points) of `text`."),
    }
    if with_wikitext:
        made["wikitext"] = text("The text with its markup, as published.")
    return made


def of_redirects() -> dict[str, Any]:
    """Returns the features of a page that leads to another."""
    return {
        **_of_pages(),
        "target": text("Title of the page that it leads to, with the name of its namespace."),
        "fragment": text("Section of that page; empty for none."),
        "is_marked": tfds.features.Scalar(
            np.bool_,
            doc="Whether the dump marks it as a redirect; if not, its text begins as one.",
        ),
    }
