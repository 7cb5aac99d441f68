"""Loads the scripts that make miniatures."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import types

_FOLDER = pathlib.Path(__file__).parent / "datasets"


def load(name: str) -> types.ModuleType:
    """The script that makes the miniature of one builder, as a module."""
    full_name = f"make_{name}"
    if full_name not in sys.modules:
        script = _FOLDER / name / "make_miniature.py"
        spec = importlib.util.spec_from_file_location(full_name, script)
        module = importlib.util.module_from_spec(spec)
        sys.modules[full_name] = module
        spec.loader.exec_module(module)
    return sys.modules[full_name]
