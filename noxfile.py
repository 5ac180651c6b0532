"""Everything that must hold before a change lands: `nox` runs it all, `nox -s lint` a part.

nox, because it is Python, comes with ``pip install '.[dev]'`` and runs wherever Python does;
its sessions use the environment that it is installed in, so nothing is installed twice.
"""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["format", "lint", "types", "contracts", "tests"]

CONFIG = Path("pyproject.toml").resolve()
MOST_SLOW_MINUTES = 15


def as_installed(session: nox.Session) -> Path:
    """A folder with the package as setup.py installs it: only there is ``cli/`` a part of it."""
    folder = (Path(".nox") / session.name).resolve()
    shutil.rmtree(folder / "tfsoftmax", ignore_errors=True)
    shutil.copytree("tfsoftmax", folder / "tfsoftmax")
    shutil.copytree("cli", folder / "tfsoftmax" / "cli")
    return folder


@nox.session
def format(session: nox.Session) -> None:
    """Formats the code, in place."""
    session.run("ruff", "format", ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Finds mistakes and what is not formatted."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Checks types."""
    with session.chdir(as_installed(session)):
        session.run("mypy", "--config-file", str(CONFIG), "-p", "tfsoftmax")


@nox.session
def contracts(session: nox.Session) -> None:
    """Checks that imports go one way, as pyproject.toml says."""
    with session.chdir(as_installed(session)):
        session.run("lint-imports", str(CONFIG), "--no-cache", env={"PYTHONPATH": "."})


@nox.session
def tests(session: nox.Session) -> None:
    """Runs all tests but the slow ones; `nox -s tests -- -k resume` some of them."""
    session.run("pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Runs the slow tests, as many as there is time for."""
    session.run("pytest", "-m", "slow", f"--minutes={MOST_SLOW_MINUTES}", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Runs the examples of README and docstrings alone; they are among the tests, too."""
    session.run("pytest", "tests/test_docstrings.py", "tests/test_readme.py", *session.posargs)
