"""Makes the page of a corpus, in Markdown, from its builder and its miniature."""

from __future__ import annotations

import dataclasses
import html
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import soundfile
import tensorflow_datasets as tfds
from PIL import Image

from tfds_extra import citing, core, folding, listing, registry, show
from tfds_extra.features import Audio, EncodedAudio

_EXAMPLES = 2  # In a picture.
_READ = 12  # Examples of which a sound is made.
_SECONDS = 8  # The longest sound.
_PAUSE = 0.2  # Seconds between two recordings.
_EXCERPT = 240  # Letters of a text on the overview.
_ROWS = 12  # A table with more rows is folded.
_CONFIGS = 3  # A feature that fewer configs have is followed by their names.
_ODD = re.compile(r"^(?:## )?What is (?:known to be )?odd[^\n:]*:?$", re.MULTILINE)
_MISSING = re.compile(r"(?<![\w.-])(-1|NaN|empty)(?![\w-])")
_SIZES = ((100 << 20, "under 100 MiB"), (10 << 30, "100 MiB to 10 GiB"))
_LARGE, _UNKNOWN = "over 10 GiB", "unknown"
SIZE_CLASSES = (*(words for _, words in _SIZES), _LARGE, _UNKNOWN)  # In their order.


@dataclasses.dataclass
class Page:
    """What the overview says of a corpus, and the text of its page.

    Attributes:
      name: Name of the builder.
      title: Name of the corpus for people.
      summary: What it is, in a few words.
      kinds: Kinds of its data, such as audio.
      tasks: What it is used for.
      licence: Its licence in short.
      size: One of the classes of sizes that the overview filters by.
      download: What is downloaded for the default config, in words.
      examples: Number of examples of the default config, in words.
      by_hand: Whether files have to be brought by hand.
      picture: HTML of a small picture or an excerpt.
      text: The page in Markdown.
    """

    name: str
    title: str
    summary: str
    kinds: list[str]
    tasks: list[str]
    licence: str
    size: str
    download: str
    examples: str
    by_hand: bool
    picture: str
    text: str


@dataclasses.dataclass
class _Feature:
    """A row of the table of features: the same in all configs that it names."""

    name: str
    kind: str
    dtype: str
    shape: str
    doc: str
    classes: list[str]
    configs: list[str]


def make(name: str, folder: pathlib.Path, data_dir: pathlib.Path) -> Page:
    """Makes the page of a corpus, and the files that it shows.

    Args:
      name: Name of the builder.
      folder: Where pictures and sounds go.
      data_dir: Where miniatures are prepared.
    """
    cls = registry.builder_cls(name)
    builders = {
        config.name: cls(data_dir=data_dir, config=config.name) for config in cls.BUILDER_CONFIGS
    } or {"": cls(data_dir=data_dir)}
    builder = next(iter(builders.values()))
    title, body = _readme(builder)
    features = _features(builders)
    figure, thumbnail = _figure(cls, builders, folder, data_dir)
    download = builder.download_amount
    page = Page(
        name=name,
        title=title,
        summary="".join(cls.about("summary")),
        kinds=listing.kinds(cls),
        tasks=_tasks(cls),
        licence="".join(cls.about("licence")),
        size=_size_class(download.size),
        download=str(download),
        examples=_count(sum(builder.expected_counts.values())),
        by_hand=listing.by_hand(builder),
        picture=thumbnail,
        text="",
    )
    sections = [
        f"# {title}",
        _glance(page, builder),
        figure,
        body,
        "## Load it",
        _load(builder),
        "## Views, splits and sizes",
        _configs(builders),
        "## Features",
        _feature_table(features, list(builders)),
        *_classes(features),
        *_beside_standard(cls, data_dir),
        "## Published files",
        _files(builder),
        "## Terms",
        builder.info.redistribution_info.license or "None stated.",
        "## Citation",
        f"```bibtex\n{citing.cite(name)}\n```",
    ]
    front = f"---\ntitle: {title!r}\n---\n"
    page.text = front + "\n\n".join(sections) + "\n"
    return page


# ------------------------------------------------------------------------------------ what it says


def _readme(builder: core.Builder) -> tuple[str, str]:
    """Returns the title and the body of the corpus's README, with a heading for what is odd."""
    text = (builder.folder() / "README.md").read_text(encoding="utf-8").strip()
    first, _, rest = text.partition("\n")
    if first.startswith("# "):
        title, text = first.removeprefix("# "), rest.strip()
    else:  # It begins with its name and a colon or comma.
        title = re.split(r"[:,]", first, maxsplit=1)[0]
    return title, "## What it is\n\n" + _ODD.sub("## What is odd, and what becomes of it\n", text)


def _tasks(cls: type[core.Builder]) -> list[str]:
    prefix = "ml.task."
    tags = cls.get_metadata().tags or []
    found = [tag.partition(" ")[0] for tag in tags if tag.startswith(prefix)]
    return [tag.removeprefix(prefix).replace("-", " ") for tag in found]


def _glance(page: Page, builder: core.Builder) -> str:
    """Returns the facts that people ask for first."""
    rows = {
        "Builder": f"<code>{page.name}</code>, version {builder.version}",
        "Kind": ", ".join(page.kinds),
        "Task": ", ".join(page.tasks) or "none in particular",
        "Examples": page.examples,
        "To download": page.download
        + (", some of it by hand: see <a href='#published-files'>files</a>" * page.by_hand),
        "Prepared": str(builder.prepared_amount),
        "Licence": f"{html.escape(page.licence)} (<a href='#terms'>terms</a>)",
        "Homepage": f"<a href='{builder.info.homepage}'>{builder.info.homepage}</a>",
    }
    if aliases := builder.about("alias"):
        rows["Also found as"] = ", ".join(f"<code>{one}</code>" for one in aliases)
    if folds := folding.names(builder):
        rows["Folds"] = f"{len(folds)}, as published: <code>tfds_extra.folds(builder)</code>"
    items = "\n".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in rows.items())
    return f"<div class='glance'><dl>\n{items}\n</dl></div>"


def load_lines(builder: core.Builder) -> dict[str, str]:
    """Returns lines to copy that read a corpus, by what they are for."""
    split = next(iter(builder.expected_counts))
    supervised = builder.info.supervised_keys
    imports = "import tensorflow_datasets as tfds\n\nimport tfds_extra  # Registers the builders.\n"
    keras = f"{imports}\ntrain = tfds.load(\n"
    keras += f'    "{builder.name}", split="{split}", shuffle_files=True, batch_size=32,\n'
    if supervised:
        keras += "    as_supervised=True,\n)  # Lengths that differ are filled up with zeros.\n"
        keras += "for x, y in train:  # Or model.fit(train)\n    print(x.shape, y.shape)\n    break"
    else:
        keras += ")  # Lengths that differ are filled up with zeros.\n"
        keras += "for batch in train:  # A dict of tensors\n    print(list(batch))\n    break"
    source = f'source = tfds.data_source("{builder.name}", split="{split}")\n'
    jax = f"import grain\n{imports}\n{source}"
    jax += "train = grain.MapDataset.source(source).shuffle(seed=0).to_iter_dataset()\n"
    jax += "for example in train:  # A dict of NumPy values; map and batch them as you need\n"
    jax += "    print(list(example))\n    break"
    torch = f"{imports}from torch.utils.data import DataLoader\n\n"
    torch += f'if __name__ == "__main__":  # Worker processes import this file, too.\n    {source}'
    torch += (
        "    train = DataLoader(\n        source, batch_size=32, shuffle=True, num_workers=2,\n"
    )
    torch += '        collate_fn=list, multiprocessing_context="forkserver",\n    )\n'
    torch += (
        "    for examples in train:  # A list of dicts; your collate_fn makes tensors of them\n"
    )
    torch += "        print(len(examples), list(examples[0]))\n        break"
    return {"Keras": keras, "JAX": jax, "PyTorch": torch}


def _load(builder: core.Builder) -> str:
    """Returns tabs with lines to copy, and where there is more."""
    tabs = []
    for label, code in load_lines(builder).items():
        indented = "\n".join(
            f"    {line}".rstrip() for line in f"```python\n{code}\n```".split("\n")
        )
        tabs.append(f'=== "{label}"\n\n{indented}')
    note = (
        '`builder_kwargs={"miniature": True}` in `load` and `data_source` takes the made-up miniature'
        " instead, without a download. More: [load](../tasks/load.md), [train](../tasks/train.md)."
    )
    return "\n\n".join([*tabs, note])


def _configs(builders: dict[str, core.Builder]) -> str:
    rows = [["config", "what", "splits and examples", "to download", "prepared"]]
    for name, builder in builders.items():
        config = builder.builder_config
        splits = ", ".join(
            f"{split}: {_count(examples)}" for split, examples in builder.expected_counts.items()
        )
        rows.append(
            [
                f"`{name}`" if name else "(one)",
                config.description if config else "",
                splits,
                str(builder.download_amount),
                str(builder.prepared_amount),
            ]
        )
    said = "The counts are the publisher's: preparing fails when an example is missing."
    if len(rows) > 2:
        said += f" `{rows[1][0].strip('`')}` is the default."
    return f"{said}\n\n{_table(rows, f'{len(rows) - 1} configs')}"


def _features(builders: dict[str, core.Builder]) -> list[_Feature]:
    """Returns the features of all configs; what is alike is one."""
    found: dict[tuple[str, ...], _Feature] = {}
    for config, builder in builders.items():
        for name, feature, spec in listing.leaves(builder.info.features):
            kind = type(feature).__name__
            inner = getattr(feature, "feature", feature)
            if inner is not feature:
                kind = f"{kind} of {type(inner).__name__}"
            if isinstance(spec, dict):
                dtype, shape = "several", ", ".join(spec)
            else:
                dtype, shape = _type(spec)
            doc = feature.doc.desc or inner.doc.desc or ""
            made = _Feature(name, kind, dtype, shape, doc, getattr(inner, "names", None) or [], [])
            key = (name, kind, dtype, shape, doc, *made.classes)
            found.setdefault(key, made).configs.append(config)
    # Forms of the same feature stand together.
    order = {name: i for i, name in enumerate(dict.fromkeys(one.name for one in found.values()))}
    return sorted(found.values(), key=lambda one: order[one.name])


def _type(spec: Any) -> tuple[str, str]:
    """Returns dtype and shape in words; `?` is any number."""
    dtype = np.dtype(spec.np_dtype)
    shape = " × ".join("?" if size is None else str(size) for size in spec.shape)
    return ("string" if dtype.kind == "O" else dtype.name), shape or "scalar"


def _feature_table(features: Sequence[_Feature], configs: Sequence[str]) -> str:
    rows = [["feature", "type", "shape", "meaning and unit", "missing is"]]
    for one in features:
        missing = list(dict.fromkeys(_MISSING.findall(one.doc)))
        doc = one.doc
        if len(one.configs) < len(configs):
            few = len(one.configs) <= _CONFIGS
            where = ", ".join(f"`{c}`" for c in one.configs[: _CONFIGS if few else 1])
            doc += f" *(in {where}{'' if few else f' and {len(one.configs) - 1} more configs'})*"
        rows.append(
            [f"`{one.name}`", f"{one.kind} `{one.dtype}`", one.shape, doc, " or ".join(missing)]
        )
    said = "`outer/inner` is a feature in a dict or in a sequence of dicts. `?` is any length."
    return f"{said}\n\n{_table(rows, '')}"


def _classes(features: Sequence[_Feature]) -> Iterator[str]:
    """Yields the names of the classes of each label."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in features:
        if one.classes:
            names = groups.setdefault(tuple(one.classes), [])
            names.extend([one.name] * (one.name not in names))
    if groups:
        yield "## Classes"
    for classes, names in groups.items():
        label = ", ".join(f"`{name}`" for name in names)
        words = ", ".join(html.escape(one) for one in classes)
        yield f"**{label}** ({len(classes):,}):"
        yield f"<p class='classes'>{words}</p>"


def _beside_standard(cls: type[core.Builder], data_dir: pathlib.Path) -> Iterator[str]:
    """Yields what is the same in the builders of the standard catalogue, and what is more here."""
    everywhere = cls.about("standard")
    pairs: list[tuple[str, str | None]] = [(name, None) for name in everywhere]
    for config in cls.BUILDER_CONFIGS:
        pairs += [
            (name, config.name)
            for name in cls.about("standard", config.name)
            if name not in everywhere
        ]
    yield "## Beside the standard catalogue"
    if not pairs:
        yield "TFDS's own catalogue has no builder of this corpus."
    for name, config in pairs:
        standard = dict(_specs(tfds.builder(name, data_dir=data_dir).info.features))
        ours = dict(_specs(cls(data_dir=data_dir, config=config).info.features))
        same = [key for key in standard if ours.get(key) == standard[key]]
        other = [key for key in standard if key in ours and key not in same]
        absent = [key for key in standard if key not in ours]
        more = [key for key in ours if key not in standard]
        rows = [["", "features"], ["the same", _listed(same)]]
        if other:
            changes = (f"`{key}` ({standard[key]} there, {ours[key]} here)" for key in other)
            rows.append(["another type", ", ".join(changes)])
        if absent:
            rows.append(["only there", _listed(absent)])
        rows.append([f"more here ({len(more)})", _listed(more)])
        where = f", beside config `{config}`" if config else ""
        yield f"[`{name}`](https://www.tensorflow.org/datasets/catalog/{name}){where}:"
        yield _table(rows, "")


def _specs(features: Any) -> Iterator[tuple[str, str]]:
    for name, _, spec in listing.leaves(features):
        yield name, "several" if isinstance(spec, dict) else " ".join(_type(spec))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _files(builder: core.Builder) -> str:
    rows = [["file", "size", "how it comes"]]
    for file in builder.published_files().values():
        parts = file.files if isinstance(getattr(file, "files", None), tuple) else None
        sources = parts or (getattr(file, "files", None),)
        for url, source in zip(file.urls, sources):
            published = builder.url_infos[url]
            manual = isinstance(source, core.ManualFile)
            page = source.page if isinstance(source, core.ManualFile) else url
            link = f"[{'by hand' if manual else 'downloaded'}]({page})"
            terms = f": {source.terms}" if isinstance(source, core.ManualFile) else ""
            rows.append([f"`{published.filename}`", str(published.amount), link + terms])
    said = "Of the default config. Each is held against its published digest where there is one"
    said += (
        " ([verify](../tasks/verify.md)); you may also [bring your own copy](../tasks/own_copy.md)."
    )
    return f"{said}\n\n{_table(rows, f'{len(rows) - 1} files')}"


# ------------------------------------------------------------------------------- picture and sound


def _figure(
    cls: type[core.Builder],
    builders: dict[str, core.Builder],
    folder: pathlib.Path,
    data_dir: pathlib.Path,
) -> tuple[str, str]:
    """Draws examples of the miniature, and writes a sound of it.

    Returns:
      HTML of both, and HTML of something small for the overview.
    """
    shown = (Audio, EncodedAudio, tfds.features.Image)
    config = next(
        (name for name, builder in builders.items() if _has(builder, shown)),
        next(iter(builders)),
    )
    builder = cls(data_dir=data_dir, config=config or None, miniature=True, num_workers=1)
    builder.download_and_prepare()
    splits = list(builder.info.splits)
    split = builder.DRAWN_SPLIT if builder.DRAWN_SPLIT in splits else splits[0]
    examples = list(show.read(builder, split, _READ))
    title = f"{builder.info.full_name}, {split}"
    only_text = not (builder.DRAWN_SEGMENTS or _has(builder, shown))
    drawn = examples[: 1 if only_text else _EXAMPLES]
    picture = show.draw(
        builder.info, drawn, title, builder.DRAWN_TIMES,
        builder.DRAWN_DISTRIBUTIONS, builder.DRAWN_FIRST, builder.DRAWN_SEGMENTS,
        builder.DRAWN_OBJECTS,
    )  # fmt: skip
    picture.savefig(folder / f"{cls.name}.png")
    recording = _sound(builder.info.features, examples)
    sound = ""
    if recording is not None:
        soundfile.write(folder / f"{cls.name}.wav", *recording, subtype="PCM_16")
        label = f"Recordings of the miniature of {cls.name}, one after the other"
        sound = f"<audio controls preload='metadata' aria-label='{label}' src='../media/{cls.name}.wav'></audio>"
    about = f"{'An example' if only_text else 'Examples'} of {title}, by tfds-extra show"
    words = "\n".join(show.write(builder.info, examples[:1], title, builder.DRAWN_FIRST))
    figure = (
        "<figure class='example' markdown='0'>"
        f"<a href='../media/{cls.name}.png'><img src='../media/{cls.name}.png' alt='{about}'></a>{sound}"
        f"<figcaption>{about}. A miniature is made up in the layout of the published files: it shows"
        " the form, not the contents.</figcaption></figure>"
    )
    indented = "\n".join(f"    {line}".rstrip() for line in f"```text\n{words}\n```".split("\n"))
    small = _thumbnail(builder, examples, recording, folder)
    opened = "???+" if only_text else "???"
    return f'{figure}\n\n{opened} note "An example as text"\n\n{indented}', small


def _has(builder: core.Builder, kinds: Any) -> bool:
    return any(isinstance(feature, kinds) for feature in builder.info.features.values())


def _sound(features: Any, examples: Sequence[dict[str, Any]]) -> tuple[np.ndarray, int] | None:
    """Returns recordings one after the other, as one channel, and their rate; None without any.

    Recordings of miniatures are so short that a single one is hardly heard.
    """
    found: list[np.ndarray] = []
    common = 0
    for name, feature in features.items():
        if isinstance(feature, (Audio, EncodedAudio)):
            for example in examples:
                rate = int(feature.sample_rate or example.get("sample_rate") or 0)
                samples = np.asarray(example[name])
                common = common or rate
                if not rate or rate != common or not len(samples):
                    continue
                scale = np.iinfo(samples.dtype).max if samples.dtype.kind == "i" else 1
                mono = samples.reshape(len(samples), -1).mean(axis=1) / scale
                found += [mono, np.zeros(int(_PAUSE * rate))]
    if not found:
        return None
    return np.concatenate(found)[: _SECONDS * common], common


def _thumbnail(
    builder: core.Builder,
    examples: Sequence[dict[str, Any]],
    recording: tuple[np.ndarray, int] | None,
    folder: pathlib.Path,
) -> str:
    """Returns HTML of an image, of a spectrogram, or of the beginning of a text."""
    path = folder / f"{builder.name}_small.png"
    tag = f"<img src='media/{path.name}' alt='' loading='lazy'"
    for name, feature in builder.info.features.items():
        if isinstance(feature, tfds.features.Image):
            # Some miniatures have images of a few pixels: several fill the place better than one.
            images = [_coloured(example[name]) for example in examples]
            small = [image for image in images if image.shape == images[0].shape][:6]
            joined = np.concatenate(small, axis=1)
            Image.fromarray(joined).save(path)
            return f"{tag} class='pixels'>"
    if recording is not None or builder.DRAWN_SEGMENTS:
        from matplotlib import figure

        drawing = figure.Figure(figsize=(3.6, 1.3))
        axis = drawing.add_axes((0, 0, 1, 1))
        if recording is not None:
            samples, rate = recording
            seconds = samples[: 2 * rate]
            # Digital silence has no logarithm.
            noise = 1e-4 * np.random.default_rng(0).standard_normal(len(seconds))
            axis.specgram(seconds + noise, NFFT=256, noverlap=192, Fs=rate)
        elif builder.DRAWN_SEGMENTS:
            values = examples[0][builder.DRAWN_SEGMENTS.values[0]]
            axis.imshow(values.T, aspect="auto", interpolation="nearest")
        axis.axis("off")
        drawing.savefig(path)
        return f"{tag}>"
    excerpt = " · ".join(_texts(builder, examples))[:_EXCERPT]
    return f"<blockquote class='excerpt'>{html.escape(excerpt)}</blockquote>"


def _texts(builder: core.Builder, examples: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the text of each example that says most about it: its input, or a name or sentence."""
    texts = [name for name, one in examples[0].items() if isinstance(one, bytes)]
    inputs = (builder.info.supervised_keys or ())[:1]
    wanted = next((n for n in (*inputs, "text", *builder.DRAWN_FIRST) if n in texts), texts[0])
    found = (example[wanted].decode("utf-8", errors="replace") for example in examples)
    return list(dict.fromkeys(filter(None, found)))


def _coloured(image: np.ndarray) -> np.ndarray:
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]


# ------------------------------------------------------------------------------------------- words


def _table(rows: Sequence[Sequence[str]], folded: str) -> str:
    """Returns a table in Markdown; a long one is folded if it has a name."""
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    table = "<div class='facts' markdown>\n\n" + "\n".join(lines) + "\n\n</div>"
    if folded and len(rows) > _ROWS:
        indented = "\n".join(f"    {line}".rstrip() for line in table.split("\n"))
        return f'??? note "{folded}"\n\n{indented}'
    return table


def _cell(text: str) -> str:
    """Returns a text that is one cell of a table: no line ends, no bars, no HTML."""
    text = re.sub(r"\s+", " ", text).strip().replace("<", "&lt;")
    return text.replace("|", "&#124;")


def _count(number: int) -> str:
    return f"{number:,}" if number else "unknown"


def _size_class(size: int) -> str:
    if not size:
        return _UNKNOWN
    return next((name for limit, name in _SIZES if size < limit), _LARGE)
