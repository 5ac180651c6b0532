from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.datasets import make_dataset
from support.marks import slow

from tfsoftmax import CheckpointError, Checkpoints, Recipe, UsageError, fit
from tfsoftmax.data.split import with_validation
from tfsoftmax.training.checkpoint import Saver, Snapshot, restore_latest, saved_checkpoints

RECIPE = Recipe(
    epochs=6,
    batch_size=8,
    momentum=0.9,
    averaging=0.4,
    l2=0.01,
    early_stopping="log_loss",
    patience=6,
    validation_fraction=0.2,
    initializer="normal",
)
CONTENT = Snapshot({"step": 3}, {"W": np.arange(6.0)}).to_bytes()


def bytes_of(result):
    return b"".join(parameter.numpy().tobytes() for parameter in result.model.parameters)


def in_pieces(dataset, recipe, checkpoints):
    """A run that is interrupted after every call of the loop, and taken up again."""
    interruptions = 0

    def interrupt(progress):
        raise KeyboardInterrupt

    while True:
        try:
            result = fit(dataset, recipe, checkpoints=checkpoints, on_progress=interrupt)
        except KeyboardInterrupt:
            interruptions += 1
        else:
            return result, interruptions


@pytest.mark.parametrize(("every", "memory_limit"), [slow(7, 2**30), (11, 700)])
def test_a_run_taken_up_after_every_call_is_the_same_to_the_bit(tmp_path, every, memory_limit):
    dataset = make_dataset(n_train=50)
    recipe = RECIPE.but(memory_limit=memory_limit)
    whole = fit(dataset, recipe)
    checkpoints = Checkpoints(tmp_path, every_steps=every, resume=True)
    resumed, interruptions = in_pieces(dataset, recipe, checkpoints)
    assert interruptions >= whole.history.last.steps // every
    assert bytes_of(resumed) == bytes_of(whole)
    for ours, expected in zip(resumed.history.epochs, whole.history.epochs, strict=True):
        timeless = {"train_seconds": 0.0, "evaluation_seconds": 0.0}
        assert replace(ours, **timeless) == replace(expected, **timeless)
    assert resumed.history.best_epoch == whole.history.best_epoch
    # One that has ended has nothing left to do, and says the same.
    assert bytes_of(fit(dataset, recipe, checkpoints=checkpoints)) == bytes_of(whole)


def test_more_epochs_go_on_where_fewer_ended(tmp_path, made):
    recipe = Recipe(epochs=3, batch_size=8, schedule="constant", momentum=0.5, l2=1e-3)
    checkpoints = Checkpoints(tmp_path, resume=True)
    fit(made, recipe, checkpoints=checkpoints)
    longer = fit(made, recipe.but(epochs=7), checkpoints=checkpoints)
    assert bytes_of(longer) == bytes_of(fit(made, recipe.but(epochs=7)))
    assert [epoch.epoch for epoch in longer.history.epochs] == list(range(1, 8))


def test_the_last_few_are_kept_and_nothing_else(tmp_path, made):
    recipe = Recipe(epochs=4, batch_size=10, l2=1e-3)
    fit(made, recipe, checkpoints=Checkpoints(tmp_path, every_steps=1, keep=2))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == "step-000000000020.ckpt"
    assert len(names) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(tmp_path, made, log, damage):
    recipe = Recipe(epochs=4, batch_size=10, l2=1e-3)
    whole = fit(made, recipe)
    checkpoints = Checkpoints(tmp_path, every_steps=7, every_seconds=None, resume=True)
    fit(made, recipe, checkpoints=checkpoints)
    assert len(saved_checkpoints(tmp_path)) >= 2
    newest = saved_checkpoints(tmp_path)[0]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(
        {"truncated": newest.read_bytes()[:-1], "flipped": content, "empty": b""}[damage]
    )
    assert bytes_of(fit(made, recipe, checkpoints=checkpoints)) == bytes_of(whole)
    assert f"{newest} is damaged" in log.text
    assert "resuming from" in log.text


@given(place=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7))
def test_a_flip_of_any_bit_is_detected(place, bit):
    content = bytearray(CONTENT)
    content[place] ^= 1 << bit
    with pytest.raises(ValueError, match="checksum|start"):
        Snapshot.from_bytes(bytes(content))


def test_a_cut_at_any_byte_is_detected():
    for length in range(len(CONTENT)):
        with pytest.raises(ValueError, match="checksum|start"):
            Snapshot.from_bytes(CONTENT[:length])
    assert Snapshot.from_bytes(CONTENT).arrays["W"].tolist() == list(range(6))


def test_none_whole_is_an_error_before_all_else_and_none_at_all_a_beginning(tmp_path, made, log):
    assert not restore_latest(tmp_path / "nowhere", print)
    damaged = tmp_path / "step-000000000003.ckpt"
    damaged.write_bytes(b"")

    def on_choosing(step, total_steps):
        raise AssertionError("l2 is chosen for a run that will be refused")

    with pytest.raises(CheckpointError, match="none of its 1 checkpoints is whole"):
        fit(
            made,
            Recipe(l2="auto"),
            checkpoints=Checkpoints(tmp_path, resume=True),
            on_choosing=on_choosing,
        )
    assert f"{damaged} is damaged" in log.text


def test_another_run_is_not_taken_up(tmp_path, made):
    recipe = Recipe(epochs=2, learning_rate=0.5)
    fit(made, recipe, checkpoints=Checkpoints(tmp_path))
    with pytest.raises(UsageError, match="add resume=True"):
        fit(made, recipe, checkpoints=Checkpoints(tmp_path))
    again = Checkpoints(tmp_path, resume=True)
    with pytest.raises(UsageError, match=r"made without l2, not with l2=0.1"):
        fit(made, recipe.but(l2=0.1), checkpoints=again)
    # It changes the rows as well, but that is not what was asked for.
    with pytest.raises(
        UsageError, match="made without early_stopping, not with early_stopping=.log_loss"
    ):
        fit(made, recipe.but(early_stopping="log_loss"), checkpoints=again)
    # Other data are blamed before any option.
    for other in (recipe, recipe.but(l2=0.1)):
        with pytest.raises(UsageError, match="other data"):
            fit(make_dataset(seed=1), other, checkpoints=again)
    with pytest.raises(UsageError, match="other data"):
        fit(with_validation(made, 0.5), recipe, checkpoints=again)


def test_a_disk_that_fails_does_not_end_a_run_that_goes_well(tmp_path, log):
    """Writing fails here because the folder turns into a file."""
    saver = Saver(Checkpoints(tmp_path / "run"))
    (tmp_path / "run").rename(tmp_path / "moved")
    (tmp_path / "run").write_text("")
    saver.save(Snapshot({"step": 1}, {}))
    saver.close()
    assert "no checkpoint could be written" in log.text


@pytest.mark.parametrize("options", [{"every_steps": 0}, {"every_seconds": -1.0}, {"keep": 0}])
def test_choices_are_checked(tmp_path, options):
    with pytest.raises(UsageError, match="at least"):
        Checkpoints(tmp_path, **options)
