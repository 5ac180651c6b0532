"""Where the packages are; all else about tfsoftmax is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    # cli/ stays a folder of its own in the repository, but is installed inside the
    # package: nothing called plain 'cli' may land in anyone's site-packages.
    packages=[*find_packages(include=["tfsoftmax", "tfsoftmax.*"]), "tfsoftmax.cli"],
    package_dir={"tfsoftmax.cli": "cli"},
    package_data={"tfsoftmax": ["py.typed"], "tfsoftmax.columns": ["row_encoder.js"]},
)
