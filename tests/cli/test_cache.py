"""What is kept for the next run: listed, and cleared without touching anything else."""

import json

import numpy as np
import pytest
from support.commands import run

from tfsoftmax import SourceOptions, load_dataset
from tfsoftmax.cli.main import main as group
from tfsoftmax.system import compile_cache


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A data folder with two datasets that are kept, a user's folders, and a compiled loop."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    np.savez(tmp_path / "x.npz", features=np.eye(40), labels=[0, 1] * 20)
    options = SourceOptions(memory_limit=100)
    load_dataset(f"npz:{tmp_path / 'x.npz'}", data_dir=tmp_path / "data", options=options)
    load_dataset("digits", data_dir=tmp_path / "data")
    folder = tmp_path / "data/tfsoftmax-cache/1"
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("keep this")
    (folder / "linked").symlink_to(tmp_path)
    loops = compile_cache.cache_folder() / "machine"
    loops.mkdir(parents=True)
    (loops / "loop.pb").write_bytes(b"code")
    compile_cache._write_checksums(loops)
    (loops / "other.pb").write_bytes(b"still being written")
    return tmp_path / "data"


def test_what_is_kept_is_listed_with_its_source_and_size(kept):
    result = run(group, "cache", "--data-dir", kept)
    assert result.exit_code == 0, result.stderr
    assert f"npz:{kept.parent / 'x.npz'}" in result.stdout
    assert "1 compiled training loops" in result.stdout
    assert "(no source) mine" in result.stdout
    document = json.loads(run(group, "cache", "--data-dir", kept, "--json").stdout)
    sizes = {entry["source"]: entry["bytes"] for entry in document["datasets"]}
    assert set(sizes) == {"digits", f"npz:{kept.parent / 'x.npz'}", None}
    assert sizes["digits"] > 1797 * 64
    assert document["compiled"] == {"files": 1, "bytes": 4 + 64}


def test_clearing_removes_what_is_marked_and_nothing_else(kept):
    result = run(group, "cache", "--data-dir", kept, "--clear")
    assert result.exit_code == 0, result.stderr
    folder = kept / "tfsoftmax-cache/1"
    assert sorted(entry.name for entry in folder.iterdir()) == ["linked", "mine"]
    assert (folder / "mine/notes.txt").read_text() == "keep this"
    assert (kept.parent / "x.npz").is_file()
    left = [file.name for file in compile_cache.cache_folder().rglob("*.pb*")]
    assert left == ["other.pb"]
    assert len(load_dataset("digits", data_dir=kept).train) == 1437


def test_a_folder_without_anything_kept_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    result = run(group, "cache", "--data-dir", tmp_path, "--clear")
    assert (result.exit_code, result.stdout.split()) == (0, ["0", "B", "removed", "in", "all"])
