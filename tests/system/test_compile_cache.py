import os

import pytest
from support.process import run_python

from tfsoftmax.system import compile_cache

TRAIN = """
    import hashlib, os
    from tfsoftmax.system.startup import import_tensorflow
    import_tensorflow()
    from tfsoftmax import Recipe, fit, load_dataset
    model, _ = fit(load_dataset("digits"), Recipe(epochs=2))
    print(hashlib.sha256(model.W.numpy().tobytes()).hexdigest())
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache folder of this test's own, and no flags from outside."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    return tmp_path


def train():
    result = run_python(TRAIN)
    assert result.returncode == 0, result.stderr
    return result.stdout


def entries(home):
    return sorted(home.rglob("*.pb"))


@pytest.mark.slow
def test_what_was_compiled_is_used_again(home):
    first = train()
    (entry,) = entries(home)
    written = entry.stat().st_mtime_ns, entry.read_bytes()
    assert train() == first
    assert entries(home) == [entry]
    assert (entry.stat().st_mtime_ns, entry.read_bytes()) == written


@pytest.mark.slow
def test_what_was_compiled_and_has_changed_is_not_used(home):
    first = train()
    (entry,) = entries(home)
    written = entry.read_bytes()
    damaged = bytearray(written)
    for place in range(1000, len(damaged), 997):
        damaged[place] ^= 0xFF
    entry.write_bytes(damaged)
    assert train() == first
    assert entry.read_bytes() != bytes(damaged)

    entry.write_bytes(written[:1000])
    assert train() == first


def enable(monkeypatch):
    monkeypatch.setattr("atexit.register", lambda *arguments: None)
    compile_cache.enable()
    return os.environ.get("TF_XLA_FLAGS")


def test_what_nobody_vouches_for_is_removed_and_so_is_the_oldest(home, monkeypatch):
    folder = compile_cache._private_folder("key")
    monkeypatch.setattr(compile_cache, "_MAX_ENTRIES", 3)
    for age in range(5):
        entry = folder / f"{age}.pb"
        entry.write_bytes(b"code")
        os.utime(entry, (1000 - age, 1000 - age))
    compile_cache._write_checksums(folder)
    (folder / "unproven.pb").write_bytes(b"code")
    os.utime(folder / "unproven.pb", (1, 1))
    compile_cache._remove_unverified(folder)
    left = sorted(path.name for path in folder.iterdir())
    assert left == [f"{age}.pb{end}" for age in range(3) for end in ("", ".sha256")]


def test_a_folder_others_can_write_to_is_not_used(home, monkeypatch):
    assert "persistent_cache" in enable(monkeypatch)
    monkeypatch.delenv("TF_XLA_FLAGS")
    for folder in home.rglob("xla/*"):
        folder.chmod(0o777)
    assert enable(monkeypatch) is None


def test_it_stays_out_of_the_way(home, monkeypatch):
    monkeypatch.setenv("TFSOFTMAX_COMPILE_CACHE", "off")
    assert enable(monkeypatch) is None
    monkeypatch.delenv("TFSOFTMAX_COMPILE_CACHE")
    monkeypatch.setattr(compile_cache, "version", lambda name: "2.99.0")
    assert enable(monkeypatch) is None
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "with space"))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    assert enable(monkeypatch) is None
    (home / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "file"))
    assert enable(monkeypatch) is None
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=elsewhere")
    assert enable(monkeypatch) == "--tf_xla_persistent_cache_directory=elsewhere"


def test_flags_of_the_user_are_kept(home, monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    assert enable(monkeypatch).startswith("--tf_xla_clustering_debug --tf_xla_persistent")
