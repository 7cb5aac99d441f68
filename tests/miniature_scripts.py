"""Loads the scripts that make miniatures, whose names are those of the builders."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import types

_FOLDER = pathlib.Path(__file__).parent / "miniatures"


def load(name: str) -> types.ModuleType:
    """The script of one miniature, as a module of another name than the builder's folder has."""
    full_name = f"make_{name}"
    if full_name not in sys.modules:
        if str(_FOLDER) not in sys.path:
            sys.path.append(str(_FOLDER))  # For what the scripts share.
        spec = importlib.util.spec_from_file_location(full_name, _FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[full_name] = module
        spec.loader.exec_module(module)
    return sys.modules[full_name]
