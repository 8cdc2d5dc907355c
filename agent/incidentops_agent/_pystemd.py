"""pystemd's two compiled modules without the rest of the package.

The package imports lxml to read introspection data, which the bus worker never asks for: that alone would be 6 MiB of
the worker's 14. A package object without the code of its __init__ lets the two be imported by themselves.
"""

from __future__ import annotations

import importlib.util
import sys
import types

if "pystemd" not in sys.modules:
    _found = importlib.util.find_spec("pystemd")
    if _found is None or _found.submodule_search_locations is None:
        raise ImportError("pystemd is not installed")
    _package = types.ModuleType("pystemd")
    _package.__path__ = list(_found.submodule_search_locations)
    sys.modules["pystemd"] = _package

from pystemd.dbusexc import DBusBaseError
from pystemd.dbuslib import DBus, apply_signature

__all__ = ["DBus", "DBusBaseError", "apply_signature"]
