"""Which packages are here, and of which versions."""

from __future__ import annotations

import platform
from importlib.metadata import version


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that a model's numbers depend on."""
    packages = ("tfsoftmax", "tensorflow", "numpy")
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
