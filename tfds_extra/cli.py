"""The `tfds-extra` command: `tfds build` for this package's builders, and further commands."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import random
import re
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds
from absl import logging

import tfds_extra
from tfds_extra import listing, registry

if TYPE_CHECKING:
    from tfds_extra.core import Builder, Peek, downloads


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status: 0, 1 if something is wrong, 2 for bad usage.

    The exit status is 130 if the command was stopped with Ctrl-C.
    """
    if argv is None:
        _quieten()
    arguments: Any = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    if arguments[:1] == ["build"]:  # It has the options of `tfds build`, which parses them itself.
        run = _build
    else:
        arguments = parser.parse_args(arguments)
        for name in ("data_dir", "download_dir", "manual_dir", "output"):
            if getattr(arguments, name, None):
                setattr(arguments, name, os.path.expanduser(getattr(arguments, name)))
        run = arguments.run
    logger = logging.get_absl_logger()
    logger.addFilter(_is_news)
    try:
        status = run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # In `tfds-extra list | head`, the reader has ended.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        after = "Nothing of it is left." if run is _peek else "The same command goes on from here."
        print(f"\ntfds-extra: stopped. {after}", file=sys.stderr)
        return 130
    except (
        ValueError,
        OSError,
        ImportError,
        tfds.download.download_manager.NonMatchingChecksumError,
    ) as e:
        print(f"tfds-extra: {e}", file=sys.stderr)
        return 1
    finally:
        logger.removeFilter(_is_news)


def _quieten() -> None:
    """Suppresses messages of libraries that no user can act on, in the process of this command."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # Preparing and drawing need no GPU.
    # Letters of scripts that Matplotlib's font does not have are shown as boxes.
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")


def _is_news(record: Any) -> bool:
    """Filters out TFDS's messages about data sets that it looks for, and about reading images."""
    message = record.getMessage()
    return "has no dataset_info.json" not in message and "OpenCV is not installed" not in message


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfds-extra", description=__doc__)
    parser.add_argument(
        "--version", action="version", version=f"tfds_extra {tfds_extra.__version__}"
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(
        name: str, run: Any, help: str, *, corpus: bool | str = True, has_data: bool = True
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        if has_data:
            command.add_argument(
                "--data_dir", help="where prepared data lies; TFDS's default if unset"
            )
        if corpus:
            optional: Any = {"nargs": "?"} if corpus == "optional" else {}
            command.add_argument("corpus", metavar="NAME[/CONFIG]", **optional)
            variant = command.add_mutually_exclusive_group()
            variant.add_argument("--miniature", action="store_true", help="the miniature's data")
            variant.add_argument("--partial", action="store_true", help="a partial corpus's data")
            variant.add_argument("--peek", action="store_true", help="the data of a peek")
        return command

    add("list", _list, "all corpora: size, licence, and what is prepared here", corpus=False)
    info = add("info", _info, "what a corpus holds: configs, splits, features")
    commands.add_parser("build", help="prepare corpora; see `tfds-extra build --help`")
    fetch = add("fetch", _fetch, "download what a corpus needs, and prepare nothing")
    fetch.add_argument(
        "--dry-run", action="store_true", help="only say what would be downloaded, and how much"
    )
    peek = add("peek", _peek, "show the first real examples, and fetch only what they take",
               corpus=False)  # fmt: skip
    peek.add_argument("corpus", metavar="NAME[/CONFIG]", nargs="?")
    peek.add_argument(
        "--examples", type=int, default=20, help="how many of each split (default: 20)"
    )
    peek.add_argument(
        "--budget", default="50MB", help="the most that is fetched, such as 200MB (default: 50MB)"
    )
    peek.add_argument("--output", help="draw a handful of them into this picture, as `show` does")
    peek.add_argument(
        "--costs",
        action="store_true",
        help="only say what a peek takes, of all corpora or of each config of one",
    )
    show = add("show", _show, "draw a handful of prepared examples into a picture, or write them as"
               " text into the terminal")  # fmt: skip
    show.add_argument("--split", help="which split; the first by default")
    show.add_argument("--number", type=int, default=6, help="how many examples (default: 6)")
    show.add_argument("--random", action="store_true", help="examples drawn at random")
    show.add_argument(
        "--seed", type=int, help="with --random, the same number gives the same examples again"
    )
    show.add_argument("--text", action="store_true", help="as text, in the terminal")
    show.add_argument("--output", help="file to write the picture to (default: NAME.png)")
    croissant = add("croissant", _croissant, "write what a corpus is, its files and their digests, as"
                    " metadata in MLCommons' format Croissant")  # fmt: skip
    croissant.add_argument("--output", help="file to write (default: NAME-CONFIG.croissant.json)")
    export = add("export", _export, "write prepared data as Parquet, CSV, or a folder of files, for"
                 " pandas, Hugging Face datasets and others")  # fmt: skip
    export.add_argument(
        "--to", required=True, choices=("parquet", "csv", "folder"),
        help="parquet: tables with recordings and images in them; csv: tables, with files beside"
        " them; folder: files, with a table of Parquet beside them",
    )  # fmt: skip
    export.add_argument(
        "--split", action="append", default=[], help="which split (may be repeated); all by default"
    )
    export.add_argument(
        "--without", action="append", default=[], metavar="FEATURE",
        help="a feature to leave out (may be repeated)",
    )  # fmt: skip
    export.add_argument("--output", help="folder to make (default: NAME-CONFIG-FORMAT)")
    export.add_argument(
        "--overwrite", action="store_true", help="replace the folder of an earlier export"
    )
    convert = add("convert", _convert, "add another file format to prepared data, from the same"
                  " records: tfds.data_source reads array_record, tf.data reads tfrecord")  # fmt: skip
    convert.add_argument(
        "--to", required=True, choices=("tfrecord", "array_record"), help="the file format"
    )
    convert.add_argument(
        "--replace", action="store_true", help="remove the files of the other format in the end"
    )
    clean = add("clean", _clean, "what prepared data, unfinished work and downloads take on the disk;"
                " removes what it is told to, and nothing else", corpus=False)  # fmt: skip
    clean.add_argument("corpora", metavar="NAME[/CONFIG]", nargs="*", help="only of these")
    for kind, what in (
        ("prepared", "prepared data"),
        ("unfinished", "work and downloads that were broken off and could be gone on with"),
        ("downloads", "downloads; files that you brought by hand always stay"),
    ):
        clean.add_argument(f"--{kind}", action="store_true", help=f"remove {what}")
    clean.add_argument("--all", action="store_true", help="of all corpora of this package")
    clean.add_argument(
        "--dry_run", "--dry-run", action="store_true", help="only say what would be removed"
    )
    clean.add_argument("--download_dir", help="where downloads lie; TFDS's default if unset")
    cite = add("cite", _cite, "how to cite a corpus, in BibTeX", corpus=False, has_data=False)
    cite.add_argument("corpus", metavar="NAME")
    search = add("search", _search, "find words and phrases in a prepared corpus of texts")
    search.add_argument("query", help='a word, a "phrase", a prefix*, NEAR(a b, 5), AND, OR, NOT')
    search.add_argument("--number", type=int, default=10, help="how many hits (default: 10)")
    search.add_argument("--title", default="", help="a query that titles have to fit, too")
    search.add_argument("--category", default="", help="only pages of this category")
    search.add_argument(
        "--frequency", action="store_true", help="how often a word or phrase occurs, and no hits"
    )
    validate = add("validate", _validate, "hold downloads, manual files and prepared data against"
                   " digests and counts; without a name, all that is prepared here",
                   corpus="optional")  # fmt: skip
    for command in (info, fetch, peek, show, validate):
        command.add_argument("--download_dir", help="where downloads lie; TFDS's default if unset")
        command.add_argument("--manual_dir", help="where files that you brought lie")
    return parser


# --------------------------------------------------------------------------------------- commands


def _list(arguments: argparse.Namespace) -> int:
    print(*listing.corpora(arguments.data_dir), sep="\n")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    builder = _builder(arguments)
    manager = _manager(builder, arguments)
    extracted = builder.extracted()
    planned = manager.plan(list(builder.to_download(extracted).values()))
    print(*listing.corpus(builder, extracted, planned), sep="\n")
    return 0


def _build(arguments: list[str]) -> int:
    from absl import flags
    from tensorflow_datasets.scripts.cli import build, cli_utils

    from tfds_extra import building

    ours = argparse.ArgumentParser(
        prog="tfds-extra build",
        usage="tfds-extra build NAME[/CONFIG] ... [--miniature | --partial] [--all_configs]"
        " [--num_workers N] [options of `tfds build`]",
        description="Prepares corpora. Without a config, the default one.",
        add_help=False,
    )
    variant = ours.add_mutually_exclusive_group()
    variant.add_argument(
        "--miniature", action="store_true", help="from the made-up miniature that comes along"
    )
    variant.add_argument(
        "--partial", action="store_true", help="from a part of the published files"
    )
    ours.add_argument(
        "--all_configs", action="store_true", help="all configs, as `tfds build` does"
    )
    ours.add_argument(
        "--num_workers", type=int, help="processes to prepare with (default: one a core)"
    )
    if {"-h", "--help"} & set(arguments):
        ours.print_help()
        print("\nThe options of `tfds build`:\n")
    known, rest = ours.parse_known_args(arguments[1:])
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["tfds-extra"])
    # `tfds build` does not expand `~`, and a shell does not expand it in `--data_dir=~/x`.
    rest = [re.sub(r"^(--\w+_(?:dir|path)=)?(?=~)(.*)", _expanded, option) for option in rest]
    args = cli_utils.make_flags_parser(build.Args, description="")(["tfds-extra build", *rest])
    names = [
        name
        for corpus in [*args.positional_datasets, *args.datasets]
        for name in _with_variant(corpus, args.generation, known)
    ]
    if not names and not args.automation.exclude_datasets:
        ours.error("which corpus? `tfds-extra list` shows them all")
    if args.generation.download_only:  # TFDS would use its own download manager for this.
        for name in names:
            _fetch(
                argparse.Namespace(
                    corpus=name, data_dir=args.paths.data_dir, miniature=False, partial=False,
                    download_dir=args.paths.download_dir, manual_dir=args.paths.manual_dir,
                    dry_run=False,
                )
            )  # fmt: skip
        return 0
    # With `imports`, `tfds build` takes these for names; without, it looks for scripts at such
    # paths.
    imports = ",".join(filter(None, ("tfds_extra", args.generation.imports)))
    generation = dataclasses.replace(args.generation, imports=imports)
    args = dataclasses.replace(args, positional_datasets=names, datasets=[], generation=generation)
    if args.publishing.publish_dir or args.generation.num_processes > 1 or not names:
        args.execute()  # TFDS itself handles these rare options.
    else:
        building.execute(args)
    return 0


def _expanded(option: re.Match[str]) -> str:
    """Returns an option with the home folder in place of `~`."""
    return (option[1] or "") + os.path.expanduser(option[2])


def _fetch(arguments: argparse.Namespace) -> int:
    from tfds_extra.core import digests

    builder = _builder(arguments)
    if builder.variant == "peek":
        raise ValueError("a peek fetches what it shows: `tfds-extra peek` does both")
    manager = _manager(builder, arguments)
    extracted = builder.extracted()
    files = list(builder.to_download(extracted).values())
    planned = manager.plan(files)
    print(*listing.files(extracted, planned), sep="\n")
    remaining = sum((file.remaining for file in planned), digests.Amount())
    print(f"To download: {remaining}. Free disk: {tfds.core.utils.Size(manager.free_disk())}.")
    if not arguments.dry_run:
        manager.download(files)
        for file in manager.plan(files):
            print(f"{file.file_name}: {file.path}")
    return 0


def _peek(arguments: argparse.Namespace) -> int:
    from tfds_extra.core import peeking

    peek = peeking.Peek(arguments.examples, _bytes(arguments.budget))
    if arguments.costs:
        return _costs(arguments, peek)
    if not arguments.corpus:
        raise ValueError("which corpus? `tfds-extra list` shows them all")
    builder = _builder(arguments, peek=peek)
    mode = tfds.download.GenerateMode.REUSE_DATASET_IF_EXISTS
    if not builder.is_prepared() or not builder.is_as_asked():
        mode = tfds.download.GenerateMode.REUSE_CACHE_IF_EXISTS
    else:
        print(f"{builder.info.full_name} is here already, in {builder.data_dir}")
        print(*peeking.described(builder.info.metadata["peek"]), sep="\n")
    config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir, download_mode=mode)
    builder.download_and_prepare(download_dir=arguments.download_dir, download_config=config)
    if arguments.output:
        shown = {"split": None, "number": 6, "random": False, "seed": None, "text": False}
        _draw(builder, argparse.Namespace(**{**vars(arguments), **shown}))
    else:
        print(f"To see them: tfds-extra show {builder.name}/{builder.builder_config.name}")
    print(f"To load them: tfds.load({f'{builder.name}/{builder.builder_config.name}'!r})")
    return 0


def _costs(arguments: argparse.Namespace, peek: Peek) -> int:
    """Prints a table of what peeks take; no server is asked."""
    from tfds_extra.core.peeking import costs

    names = list(registry.names())
    if arguments.corpus:
        names = _configs(arguments.corpus)
    rows = []
    for name in names:
        builder = _builder(argparse.Namespace(**{**vars(arguments), "corpus": name}), peek=peek)
        one = costs.cost(builder, _manager(builder, arguments), peek)
        rows.append((builder.name_with_config, one))
    print(*costs.table(rows), sep="\n")
    return 0


def _bytes(text: str) -> int:
    """Returns a number of bytes that is written with a unit, such as 50MB.

    Raises:
      ValueError: It is no number of bytes.
    """
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    units |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) *([A-Za-z]*)", text.strip())
    if found is None or found[2].upper() not in units:
        raise ValueError(f"{text!r} is no number of bytes, such as 50MB or 1.5GB.")
    return int(float(found[1]) * units[found[2].upper()])


def _show(arguments: argparse.Namespace) -> int:
    builder = _builder(arguments)
    if arguments.manual_dir and not builder.is_prepared():  # The files are prepared first.
        config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
        builder.download_and_prepare(download_dir=arguments.download_dir, download_config=config)
    _check_prepared(builder, arguments)
    if arguments.number < 1:
        raise ValueError(f"--number is a number of examples from 1, not {arguments.number}.")
    if arguments.seed is not None and not arguments.random:
        raise ValueError("--seed goes with --random.")
    if arguments.text and arguments.output:
        raise ValueError("--text writes into the terminal: leave --output out.")
    return _draw(builder, arguments)


def _draw(builder: Builder, arguments: argparse.Namespace) -> int:
    """Draws examples into a picture, or writes them as text, as the options of `show` say."""
    from tfds_extra import show

    output = pathlib.Path(arguments.output or f"{builder.name}.png")
    if not arguments.text and not os.access(output.parent, os.W_OK):
        raise ValueError(
            f"{output.parent}: no folder to write {output.name} into. Choose --output."
        )
    splits = list(builder.info.splits)
    drawn = builder.DRAWN_SPLIT
    split = arguments.split or (drawn if drawn and drawn in splits else splits[0])
    seed, title = None, f"{builder.info.full_name}, {split}"
    if arguments.random:
        # A seed that was not chosen is told, so that the same examples can be had again.
        seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
        title += f", --random --seed={seed}"
    examples = show.read(builder, split, arguments.number, seed)
    if arguments.text:
        print(*show.write(builder.info, examples, title, builder.DRAWN_FIRST), sep="\n")
        return 0
    picture = show.draw(
        builder.info, examples, title, builder.DRAWN_TIMES, builder.DRAWN_DISTRIBUTIONS,
        builder.DRAWN_FIRST, builder.DRAWN_SEGMENTS, builder.DRAWN_OBJECTS,
    )  # fmt: skip
    picture.savefig(output)
    print(output)
    return 0


def _croissant(arguments: argparse.Namespace) -> int:
    from tfds_extra import croissant

    builder = _builder(arguments)
    name, *config, _ = builder.info.full_name.split("/")
    output = pathlib.Path(arguments.output or f"{'-'.join([name, *config])}.croissant.json")
    described = croissant.describe(builder)
    output.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(output)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from tfds_extra import exporting

    builder = _builder(arguments)
    _check_prepared(builder, arguments)
    name, *config, _ = builder.info.full_name.split("/")
    output = arguments.output or "-".join([name, *config, arguments.to])
    counts = exporting.export(
        builder, arguments.to, output,
        splits=arguments.split, without=arguments.without, overwrite=arguments.overwrite,
    )  # fmt: skip
    said = ", ".join(f"{split} {examples:,}" for split, examples in counts.items())
    print(f"{output}: {said} examples")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from tfds_extra import converting

    builder = _builder(arguments)
    _check_prepared(builder, arguments)
    print(converting.convert(builder, arguments.to, replace=arguments.replace))
    return 0


def _clean(arguments: argparse.Namespace) -> int:
    from tfds_extra import cleaning

    kinds = [kind for kind in cleaning.KINDS if getattr(arguments, kind)]
    chosen = [_resolved(corpus).partition("/")[::2] for corpus in arguments.corpora]
    if kinds and not chosen and not arguments.all:
        raise ValueError(
            f"--{kinds[0]} of which corpora? Name them, or say --all. Nothing was removed."
        )
    if chosen and arguments.all:
        raise ValueError("Name corpora, or say --all, not both. Nothing was removed.")
    if any(config for _, config in chosen) and arguments.downloads:
        raise ValueError(
            "Downloads belong to a corpus, not to a config: leave the config out. Nothing was"
            " removed."
        )
    data_dir = pathlib.Path(arguments.data_dir or tfds.core.constants.DATA_DIR).expanduser()
    download_dir = pathlib.Path(arguments.download_dir or data_dir / "downloads")
    items = [
        item
        for item in cleaning.find(data_dir, download_dir)
        if not chosen
        or any(item.corpus == name and config in ("", item.config) for name, config in chosen)
    ]
    if not kinds:
        print(f"In {data_dir}, downloads in {download_dir}:\n")
        print(*cleaning.table(items), sep="\n")
        if chosen:
            print("", *(f"{item.kind}: {item.path}" for item in items), sep="\n")
        print(
            "\nNothing was removed. To remove something: tfds-extra clean NAME --prepared,"
            " --unfinished\nor --downloads, first with --dry_run."
        )
        return 0
    doomed = [item for item in items if item.kind in kinds]
    names = {name for name, _ in chosen} if chosen else None
    lines = list(cleaning.remove(doomed, names, dry_run=arguments.dry_run))
    if not arguments.dry_run:
        cleaning.remove_empty(data_dir, doomed)
    print(*(lines or ["There is nothing of it."]), sep="\n")
    return int(any(line.startswith("kept") for line in lines))


def _cite(arguments: argparse.Namespace) -> int:
    print(tfds_extra.cite(_resolved(arguments.corpus)))
    return 0


def _search(arguments: argparse.Namespace) -> int:
    builder = _builder(arguments)
    if not hasattr(builder, "search_index"):
        raise ValueError(f"{builder.name} has no texts that can be searched")
    with builder.search_index() as index:
        restricted = {"title": arguments.title, "category": arguments.category}
        if arguments.frequency:
            print(index.frequency(arguments.query, **restricted))
            return 0
        hits = index.search(arguments.query, limit=arguments.number, **restricted)
        print(f"{index.count(arguments.query, **restricted):,} pages")
        print(*hits, sep="\n")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from tfds_extra.core import validation

    wrong = prepared = 0
    for corpus in _to_validate(arguments):
        builder = _builder(argparse.Namespace(**{**vars(arguments), "corpus": corpus}))
        print(builder.info.full_name)
        prepared += builder.is_prepared()
        for finding in validation.validate(
            builder, download_dir=arguments.download_dir, manual_dir=arguments.manual_dir
        ):
            wrong += finding.is_wrong
            mark = "WRONG" if finding.is_wrong else "-" if finding.absent else "ok"
            mark = "unchecked" if finding.unchecked else mark
            print(f"  {mark:9}  {': '.join(filter(None, (finding.subject, finding.problem)))}")
    if not prepared and not wrong:
        print(
            "Nothing of it is prepared here." if arguments.corpus else "Nothing is prepared here."
        )
    return 1 if wrong or not prepared else 0


def _to_validate(arguments: argparse.Namespace) -> list[str]:
    """Returns the named configs; if none is named, all that are prepared, damaged or not."""
    if arguments.corpus:
        return _configs(arguments.corpus)
    found = []
    for name in registry.names():
        builder = registry.builder_cls(name)(data_dir=arguments.data_dir)
        folder = builder.data_dir_root / name
        if (folder / str(builder.version)).is_dir():
            found.append(name)
        found += sorted(
            f"{name}/{path.parent.name}" for path in folder.glob(f"*/{builder.version}")
        )
    return found


# ----------------------------------------------------------------------------------------- helpers


def _resolved(corpus: str) -> str:
    """Returns a user's name for a corpus in the form that TFDS reads.

    An alias is replaced, with a message. The version may follow a slash, as in `info.full_name`.

    Raises:
      ValueError: There is no such corpus.
    """
    given = re.split("[/:]", corpus, maxsplit=1)[0]
    rest = corpus[len(given) :]
    if (name := registry.find(given)) != given:
        print(f"tfds-extra: {given} is called {name} here", file=sys.stderr)
    return name + re.sub(r"/(\d+\.\d+\.\d+)$", r":\1", rest)


def _parsed(corpus: str) -> tuple[str, dict[str, Any]]:
    """Returns the name of a builder, and arguments for it, from a user's name for a corpus.

    Raises:
      ValueError: There is no such corpus, or what follows its name cannot be read.
    """
    resolved = _resolved(corpus)
    try:
        name, kwargs = tfds.core.naming.parse_builder_name_kwargs(resolved)
    except ValueError:
        name = None
    if name is None or name.namespace:  # TFDS takes NAME:OTHER for a name in a namespace.
        raise ValueError(
            f"{corpus!r} is not written NAME[/CONFIG][:VERSION][/ARGUMENT=VALUE,...], where a"
            " version is three numbers, such as 1.0.0."
        )
    return str(name), kwargs


def _configs(corpus: str) -> list[str]:
    """Returns all configs of a corpus, or what was named if that is more than a corpus."""
    corpus = _resolved(corpus)
    name, kwargs = _parsed(corpus)
    configs = registry.builder_cls(name).BUILDER_CONFIGS
    one = bool(kwargs) or not configs
    return [corpus] if one else [f"{name}/{config.name}" for config in configs]


def _builder(arguments: argparse.Namespace, **chosen: Any) -> Builder:
    """Returns the builder that the command line names; `chosen` are arguments for it."""
    name, kwargs = _parsed(arguments.corpus)
    variants = {
        variant: getattr(arguments, variant, False) for variant in ("miniature", "partial", "peek")
    }
    return registry.builder_cls(name)(
        data_dir=arguments.data_dir, **{**variants, **chosen, **kwargs}
    )


def _check_prepared(builder: Builder, arguments: argparse.Namespace) -> None:
    """Raises a `ValueError` that says how to prepare the data, if it is not prepared."""
    if not builder.is_prepared():
        command = f"build {arguments.corpus}{' --' + builder.variant if builder.variant else ''}"
        if builder.variant == "peek":
            command = f"peek {builder.name_with_config}"
        raise ValueError(
            f"{builder.info.full_name} is not prepared in {builder.data_dir}. First run: tfds-extra"
            f" {command}"
        )


def _manager(builder: Builder, arguments: argparse.Namespace) -> downloads.DownloadManager:
    """Returns the download manager for the files of a builder."""
    config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    return builder.download_manager(arguments.download_dir, config)


def _with_variant(corpus: str, generation: Any, known: argparse.Namespace) -> list[str]:
    """Returns the names of a corpus's configs to build, in the form that `tfds build` reads."""
    name, kwargs = _parsed(corpus)
    configs = [config.name for config in registry.builder_cls(name).BUILDER_CONFIGS]
    if "config" in kwargs:
        configs = [kwargs.pop("config")]
    elif generation.config or generation.config_idx is not None or not configs:
        configs = [""]
    elif not known.all_configs:
        configs = configs[:1]
    version = f":{kwargs.pop('version')}" if "version" in kwargs else ""
    given = {
        "miniature": known.miniature,
        "partial": known.partial,
        "num_workers": known.num_workers,
    }
    kwargs |= {option: value for option, value in given.items() if value}
    options = ",".join(f"{option}={value}" for option, value in kwargs.items())
    return [
        "/".join(filter(None, (name, config))) + version + (f"/{options}" if options else "")
        for config in configs
    ]
