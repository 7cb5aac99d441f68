"""The `tfds-extra` command: `tfds build` with this package's builders known, and what goes with it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

import tfds_extra
from tfds_extra import registry

if TYPE_CHECKING:
    from tfds_extra.core import Builder, digests


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status: 0, 1 if something is wrong, 2 for bad usage.

    Stopped with Ctrl-C it is 130.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
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
    except BrokenPipeError:  # `tfds-extra list | head`: who reads has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\ntfds-extra: stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, tfds.download.download_manager.NonMatchingChecksumError) as e:
        print(f"tfds-extra: {e}", file=sys.stderr)
        return 1
    finally:
        logger.removeFilter(_is_news)


def _is_news(record: Any) -> bool:
    """Leaves out TFDS's warning of every dataset that it looks for and that is not prepared."""
    return "has no dataset_info.json" not in record.getMessage()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfds-extra", description=__doc__)
    parser.add_argument(
        "--version", action="version", version=f"tfds_extra {tfds_extra.__version__}"
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(
        name: str, run: Any, help: str, *, corpus: bool | str = True
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        command.add_argument("--data_dir", help="where prepared data lies; TFDS's default if unset")
        if corpus:
            optional = {"nargs": "?"} if corpus == "optional" else {}
            command.add_argument("corpus", metavar="NAME[/CONFIG]", **optional)
            variant = command.add_mutually_exclusive_group()
            variant.add_argument("--miniature", action="store_true", help="the miniature's data")
            variant.add_argument("--partial", action="store_true", help="a partial corpus's data")
        return command

    add("list", _list, "all corpora: size, licence, and what is prepared here", corpus=False)
    add("info", _info, "what a corpus holds: configs, splits, features")
    commands.add_parser("build", help="prepare corpora; see `tfds-extra build --help`")
    fetch = add("fetch", _fetch, "download what a corpus needs, and prepare nothing")
    fetch.add_argument(
        "--dry-run", action="store_true", help="only say what would be downloaded, and how much"
    )
    show = add("show", _show, "draw a handful of prepared examples into a picture")
    show.add_argument("--split", help="which split; the first by default")
    show.add_argument("--number", type=int, default=6, help="how many examples (default: 6)")
    show.add_argument("--output", help="file to write (default: NAME.png)")
    validate = add("validate", _validate, "hold downloads, manual files and prepared data against"
                   " digests and counts; without a name, all that is prepared here",
                   corpus="optional")  # fmt: skip
    for command in (fetch, validate):
        command.add_argument("--download_dir", help="where downloads lie; TFDS's default if unset")
        command.add_argument("--manual_dir", help="where files that you brought lie")
    return parser


# --------------------------------------------------------------------------------------- commands


def _list(arguments: argparse.Namespace) -> int:
    rows = [("NAME", "DOWNLOAD", "LICENCE", "MANUAL?", "PREPARED?")]
    for name in registry.names():
        builder = registry.builder_cls(name)(data_dir=arguments.data_dir)
        manual = "yes" if builder.MANUAL_DOWNLOAD_INSTRUCTIONS else "no"
        licence = builder.info.redistribution_info.license
        prepared = ", ".join(_prepared(builder)) or "no"
        rows.append((name, str(_download_size(builder)), licence, manual, prepared))
    _print_table(rows)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    builder = _builder(arguments)
    info = builder.info
    print(f"{info.full_name}\n\n{info.description}\n")
    print(f"Homepage: {info.homepage}\nLicence: {info.redistribution_info.license}\n")
    splits = ", ".join(f"{split} {n:,}" for split, n in builder.expected_counts.items())
    print(f"Examples: {splits}\nDownload: {_download_size(builder)}")
    print(f"Prepared: {builder.data_dir if builder.is_prepared() else 'no'}\n")
    if builder.BUILDER_CONFIGS:
        _print_table([("CONFIG", ""), *((c.name, c.description) for c in builder.BUILDER_CONFIGS)])
        print()
    rows = [("FEATURE", "SHAPE", "TYPE", "")]
    for name, feature in info.features.items():
        rows += _feature_rows(name, feature, feature.get_tensor_info())
    _print_table(rows)
    print(f"\n{info.citation}")
    return 0


def _build(arguments: list[str]) -> int:
    from absl import flags
    from tensorflow_datasets.scripts.cli import build, cli_utils

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
    # What `tfds build` does not do itself. A shell leaves the `~` of `--data_dir=~/x` alone.
    rest = [re.sub(r"^(--\w+_(?:dir|path)=)?(?=~)(.*)", _expanded, option) for option in rest]
    args = cli_utils.make_flags_parser(build.Args, description="")(["tfds-extra build", *rest])
    names = [
        name
        for corpus in [*args.positional_datasets, *args.datasets]
        for name in _with_variant(corpus, args.generation, known)
    ]
    if args.generation.download_only:  # TFDS's own way would fetch with its own manager.
        for name in names:
            _fetch(
                argparse.Namespace(
                    corpus=name, data_dir=args.paths.data_dir, miniature=False, partial=False,
                    download_dir=args.paths.download_dir, manual_dir=args.paths.manual_dir,
                    dry_run=False,
                )
            )  # fmt: skip
        return 0
    # Names, not paths: `tfds build` looks for a script of that path unless something is imported.
    imports = ",".join(filter(None, ("tfds_extra", args.generation.imports)))
    generation = dataclasses.replace(args.generation, imports=imports)
    dataclasses.replace(
        args, positional_datasets=names, datasets=[], generation=generation
    ).execute()
    return 0


def _expanded(option: re.Match[str]) -> str:
    """An option with the home folder in place of `~`."""
    return (option[1] or "") + os.path.expanduser(option[2])


def _fetch(arguments: argparse.Namespace) -> int:
    from tfds_extra.core import digests

    builder = _builder(arguments)
    config = tfds.download.DownloadConfig(manual_dir=arguments.manual_dir)
    manager = builder._make_download_manager(arguments.download_dir, config)
    extracted = builder.extracted()
    for copy in extracted.values():
        print(f"{copy.path}: used as it is")
    files = list(builder.to_download(extracted).values())
    planned = manager.plan(files)
    rows = [("FILE", "SIZE", "STATE", "")]
    for file in planned:
        place = str(file.path) if file.is_here else file.url
        rows.append((file.file_name, str(file.amount), file.state, place))
    _print_table(rows)
    remaining = sum((file.remaining for file in planned), digests.Amount())
    print(f"To download: {remaining}. Free disk: {tfds.core.utils.Size(manager.free_disk())}.")
    if not arguments.dry_run:
        manager.download(files)
        for file in manager.plan(files):
            print(f"{file.file_name}: {file.path}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from tfds_extra import show

    builder = _builder(arguments)
    if not builder.is_prepared():
        raise ValueError(
            f"{builder.info.full_name} is not prepared in {builder.data_dir}. First run: tfds-extra"
            f" build {arguments.corpus}{' --' + builder.variant if builder.variant else ''}"
        )
    output = pathlib.Path(arguments.output or f"{builder.name}.png")
    if not os.access(output.parent, os.W_OK):
        raise ValueError(
            f"{output.parent}: no folder to write {output.name} into. Choose --output."
        )
    split = arguments.split or next(iter(builder.info.splits))
    examples = builder.as_dataset(split=split).take(arguments.number).as_numpy_iterator()
    title = f"{builder.info.full_name}, {split}"
    picture = show.draw(
        builder.info, examples, title, builder.DRAWN_TIMES, builder.DRAWN_DISTRIBUTIONS
    )
    picture.savefig(output)
    print(output)
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
    """The configs that are named; all that are prepared, damaged or not, if none is."""
    if arguments.corpus:
        name, kwargs = tfds.core.naming.parse_builder_name_kwargs(arguments.corpus)
        configs = _builder_cls(str(name)).BUILDER_CONFIGS
        one = bool(kwargs) or not configs
        return [arguments.corpus] if one else [f"{name}/{config.name}" for config in configs]
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


def _builder_cls(name: str) -> type[Builder]:
    if name not in registry.names():
        raise ValueError(f"no corpus {name!r}; `tfds-extra list` shows them all")
    return registry.builder_cls(name)


def _builder(arguments: argparse.Namespace) -> Builder:
    """The builder that the command line names."""
    name, kwargs = tfds.core.naming.parse_builder_name_kwargs(arguments.corpus)
    return _builder_cls(str(name))(
        data_dir=arguments.data_dir,
        **{"miniature": arguments.miniature, "partial": arguments.partial, **kwargs},
    )


def _with_variant(corpus: str, generation: Any, known: argparse.Namespace) -> list[str]:
    """Names, as `tfds build` reads them, of the configs to build of one corpus."""
    name, kwargs = tfds.core.naming.parse_builder_name_kwargs(corpus)
    configs = _builder_cls(str(name)).BUILDER_CONFIGS
    chosen = "config" in kwargs or generation.config or generation.config_idx is not None
    if chosen or not configs:
        names = [corpus]
    else:
        names = [f"{name}/{c.name}" for c in (configs if known.all_configs else configs[:1])]
    given = {
        "miniature": known.miniature,
        "partial": known.partial,
        "num_workers": known.num_workers,
    }
    options = ",".join(f"{name}={value}" for name, value in given.items() if value)
    if options:
        names = [f"{n}/{options}" for n in names]
    return names


def _prepared(builder: Builder) -> list[str]:
    """Names of the configs, with their variants, that are prepared; the corpus's if it has none."""
    folder = builder.data_dir_root / builder.name
    found = folder.glob(f"*/{builder.version}/dataset_info.json")
    names = sorted(path.parent.parent.name for path in found)
    if (folder / str(builder.version) / "dataset_info.json").exists():
        names.insert(0, "yes")
    return names


def _download_size(builder: Builder) -> digests.Amount:
    from tfds_extra.core import digests

    return sum((info.amount for info in builder.url_infos.values()), digests.Amount())


def _feature_rows(name: str, feature: Any, spec: Any) -> Iterator[tuple[str, ...]]:
    """A row of name, shape, type and meaning for a feature, or for each that is nested in it."""
    if isinstance(spec, dict):
        features = getattr(feature, "feature", feature)  # Of a sequence, or the feature's own.
        for inner, inner_spec in spec.items():
            yield from _feature_rows(f"{name}/{inner}", features[inner], inner_spec)
    else:
        dtype = "string" if spec.np_dtype == object else np.dtype(spec.np_dtype).name
        yield name, str(spec.shape), dtype, feature.doc.desc or ""


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Prints rows with their columns aligned; the last column may be of any length."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        print("  ".join([*cells, row[-1]]).rstrip())


if __name__ == "__main__":
    sys.exit(main())
