"""What takes seconds to make, made once for all processes that run tests side by side."""

import fcntl
import os


def make_once(tmp_path_factory, name, make):
    """A folder that `make` filled, in this process or in the one that came first."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = tmp_path_factory.mktemp(name)
            make(unfinished)
            unfinished.rename(folder)
    return folder
