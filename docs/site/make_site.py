"""Builds the catalogue site from the builders, offline: python docs/site/make_site.py [--output site].

Each corpus gets a page that is made of its builder, its README and its miniature; the pages in
docs/tasks/ and the other files in docs/ are taken as they are. The site needs no server: open
index.html in a browser.
"""

from __future__ import annotations

import argparse
import html
import logging
import os
import pathlib
import shutil
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # An advertisement of the theme.

import corpus_page  # noqa: E402
import mkdocs.commands.build  # noqa: E402
import mkdocs.config  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

from tfds_extra import registry  # noqa: E402

_FOLDER = pathlib.Path(__file__).resolve().parent
_DOCS = _FOLDER.parent
_REPOSITORY = _DOCS.parent
# In the order in which somebody meets them; others would follow.
_TASKS = ("load", "look", "train", "own_copy", "offline", "cluster", "verify", "add_a_corpus")


def build(output: pathlib.Path, names: list[str]) -> None:
    """Builds the site.

    Args:
      output: Folder of the site; what was in it is removed.
      names: Names of the builders to make pages of.
    """
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix="site") as work:
        pages = pathlib.Path(work) / "pages"
        _copy(pages)
        corpora = []
        for name in names:
            print(name, flush=True)
            data_dir = pathlib.Path(work) / "data"
            corpora.append(corpus_page.make(name, pages / "media", data_dir))
        for page in corpora:
            (pages / "corpora" / f"{page.name}.md").write_text(page.text, encoding="utf-8")
        (pages / "index.md").write_text(_overview(corpora), encoding="utf-8")
        config = mkdocs.config.load_config(
            str(_FOLDER / "mkdocs.yml"),
            docs_dir=str(pages),
            site_dir=str(output.resolve()),
            nav=_nav(pages, corpora),
            strict=True,  # A link that leads nowhere is an error.
        )
        config.mdx_configs["pymdownx.snippets"]["base_path"] = [str(_REPOSITORY)]
        counter = _Counter()
        logging.getLogger("mkdocs").addHandler(counter)
        config.plugins.on_startup(command="build", dirty=False)
        mkdocs.commands.build.build(config)
        config.plugins.on_shutdown()
    print(output / "index.html")


class _Counter(logging.Handler):
    """Prints the warnings of mkdocs, which a strict build only counts."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), file=sys.stderr)


def _copy(pages: pathlib.Path) -> None:
    """Copies what is no page of a corpus."""
    for folder in ("corpora", "media", "reference"):
        (pages / folder).mkdir(parents=True)
    shutil.copytree(_DOCS / "tasks", pages / "tasks")
    shutil.copytree(_FOLDER / "assets", pages / "assets")
    for path in (
        *_DOCS.glob("*.md"),
        _REPOSITORY / "CONTRIBUTING.md",
        _REPOSITORY / "CHANGELOG.md",
    ):
        text = path.read_text(encoding="utf-8")
        # Files that are beside each other here lie in two folders there.
        for old, new in (("](docs/tasks/", "](../tasks/"), ("](tasks/", "](../tasks/")):
            text = text.replace(old, new)
        (pages / "reference" / path.name.lower()).write_text(text, encoding="utf-8")


def _nav(pages: pathlib.Path, corpora: list[corpus_page.Page]) -> list[dict[str, str | list[str]]]:
    tasks = {path.stem for path in (pages / "tasks").glob("*.md")}
    order = [*(task for task in _TASKS if task in tasks), *sorted(tasks - set(_TASKS))]
    reference = sorted((pages / "reference").glob("*.md"))
    return [
        # On top, and not in a section: otherwise the theme finds no start page to link to.
        {"Catalogue": "index.md"},
        {"Corpora": [f"corpora/{page.name}.md" for page in corpora]},
        {"How to": [f"tasks/{task}.md" for task in order]},
        {"Reference": [f"reference/{path.name}" for path in reference]},
    ]


def _overview(corpora: list[corpus_page.Page]) -> str:
    """Returns the page that lists all corpora, with its filters."""
    filters = "\n".join(
        [
            "<label>Words<input type='search' name='words' placeholder='speech, digits, ...'></label>",
            _select("kind", sorted({kind for page in corpora for kind in page.kinds})),
            _select("task", sorted({task for page in corpora for task in page.tasks})),
            _select(
                "size",
                [one for one in corpus_page.SIZE_CLASSES if any(p.size == one for p in corpora)],
            ),
            _select("licence", sorted({page.licence for page in corpora}, key=str.lower)),
            "<button type='reset'>Show all</button>",
        ]
    )
    cards = "\n".join(map(_card, corpora))
    return f"""---
title: Catalogue
hide: [navigation, toc]
---

# Corpora, complete and as published

[TensorFlow Datasets](https://www.tensorflow.org/datasets) builders for well-known corpora. Each is checked file by file against what
was published. [Load](tasks/load.md), [look](tasks/look.md), [train](tasks/train.md); or search, above, for the name of a feature or a class.

<form id="catalogue-filters" hidden aria-label="Filters">
{filters}
</form>
<p id="catalogue-count" role="status">{len(corpora)} corpora</p>
<ul id="catalogue">
{cards}
</ul>
"""


def _select(name: str, values: list[str]) -> str:
    options = "".join(f"<option>{html.escape(value)}</option>" for value in values)
    return (
        f"<label>{name.capitalize()}<select name='{name}'><option value=''>any</option>{options}"
        "</select></label>"
    )


def _card(page: corpus_page.Page) -> str:
    data = {
        "kind": "|".join(page.kinds),
        "task": "|".join(page.tasks),
        "size": page.size,
        "licence": page.licence,
    }
    attributes = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in data.items())
    chips = "".join(f"<span class='chip'>{one}</span>" for one in [*page.kinds, *page.tasks])
    by_hand = ", some by hand" if page.by_hand else ""
    return (
        f"<li class='corpus' {attributes}>{page.picture}<div class='words'>"
        f"<a class='name' href='corpora/{page.name}.html'>{html.escape(page.title)}</a>"
        f"<p><code>{page.name}</code> {html.escape(page.summary)}</p>"
        f"<p>Examples: {page.examples}<br>Download: {page.download}{by_hand}<br>"
        f"Licence: {html.escape(page.licence)}</p>"
        f"<p>{chips}</p></div></li>"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=pathlib.Path, default=_REPOSITORY / "site")
    parser.add_argument(
        "--only", nargs="+", choices=registry.names(), help="pages of these corpora"
    )
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    build(given.output, given.only or list(registry.names()))
