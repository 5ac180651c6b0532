import os
import stat
import tempfile
from pathlib import Path

import pytest

from tfsoftmax.system.files import check_writable, staging_folder, sync_tree


def test_what_is_renamed_stays_and_the_rest_goes(tmp_path):
    parent = tmp_path / "new" / "parent"
    with staging_folder(parent) as staging:
        (staging / "kept").mkdir()
        (staging / "kept" / "file").write_text("content")
        (staging / "dropped").write_text("content")
        sync_tree(staging)
        (staging / "kept").rename(parent / "kept")
    assert [path.name for path in parent.iterdir()] == ["kept"]


def test_a_failure_leaves_nothing_not_even_new_parents(tmp_path):
    def fail_half_way():
        with staging_folder(tmp_path / "new" / "parent") as staging:
            (staging / "half").write_text("content")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_another_process_removes_meanwhile_is_made_again(tmp_path, monkeypatch):
    make, removed = tempfile.mkdtemp, []

    def late(*args, dir, **how):
        if not removed:
            removed.append(dir.rmdir())
        return make(*args, dir=dir, **how)

    monkeypatch.setattr(tempfile, "mkdtemp", late)
    with staging_folder(tmp_path / "new") as staging:
        (staging / "file").write_text("x")
    assert removed
    with pytest.raises(OSError, match="No such file"), staging_folder(Path("/proc/none")):
        pass


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with staging_folder(tmp_path) as staging:
            assert stat.S_IMODE(staging.stat().st_mode) == 0o750
    finally:
        os.umask(before)


def test_check_writable_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        check_writable(tmp_path / "file" / "below")
