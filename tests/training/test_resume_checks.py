"""What is resumed is what was saved, and the run that was asked for."""

import hashlib
import io
import json
import shutil
import zipfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from support.datasets import make_dataset
from support.marks import slow, slow_but
from support.runs import RECIPE, bytes_of

from tfsoftmax import CheckpointError, Checkpoints, Recipe, UsageError, fit
from tfsoftmax.spec import Scaling
from tfsoftmax.training.checkpoint import Snapshot, saved_checkpoints

STEPS = 5  # of an epoch: the made rows are 50


def test_fewer_epochs_than_are_trained_are_refused(tmp_path, made):
    fit(made, RECIPE, checkpoints=Checkpoints(tmp_path))
    again = Checkpoints(tmp_path, resume=True)
    with pytest.raises(UsageError, match="has trained 4 epochs already, more than the 2 asked for"):
        fit(made, RECIPE.but(epochs=2), checkpoints=again)
    # What the message says to do.
    assert len(fit(made, RECIPE.but(epochs=4), checkpoints=again).history.epochs) == 4


@pytest.mark.parametrize("saved_at", [slow(3), STEPS + 2, slow(4 * STEPS)])
def test_a_cosine_run_of_another_length_is_noted_and_recorded(tmp_path, made, log, saved_at):
    recipe = RECIPE.but(schedule="cosine")

    def stop(progress):
        if progress.step == saved_at:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        fit(made, recipe, checkpoints=Checkpoints(tmp_path, every_steps=1), on_progress=stop)
    longer = recipe.but(epochs=6)
    resumed = fit(made, longer, checkpoints=Checkpoints(tmp_path, resume=True))
    history = resumed.history
    assert bytes_of(resumed) != bytes_of(fit(made, longer))
    assert history.lengths == [(0, 4), (saved_at, 6)]
    assert f"began as one of 4 epochs, 6 from step {saved_at} on" in history.lengths_sentence()
    assert history.lengths_sentence() in log.text
    # Gone on with once more, it is still not what a fresh one is, and said so again.
    history = fit(made, longer, checkpoints=Checkpoints(tmp_path, resume=True)).history
    assert history.lengths == [(0, 4), (saved_at, 6)]
    assert history.length_matters


def test_where_the_length_changes_nothing_nothing_is_said(tmp_path, made, log):
    fit(made, RECIPE, checkpoints=Checkpoints(tmp_path))
    result = fit(made, RECIPE.but(epochs=6), checkpoints=Checkpoints(tmp_path, resume=True))
    assert bytes_of(result) == bytes_of(fit(made, RECIPE.but(epochs=6)))
    assert not result.history.length_matters
    assert "began as" not in log.text


@pytest.mark.parametrize(
    ("change", "blamed"),
    [
        ({"l2": 1.0}, "without l2, not with l2=1.0"),
        ({"momentum": 0.5}, "with momentum=0.0, not with momentum=0.5"),
    ],
)
def test_a_refusal_blames_what_was_given_and_not_the_rate_that_follows_it(
    tmp_path, made, change, blamed
):
    recipe = Recipe(epochs=2, batch_size=10)
    assert (
        fit(made, recipe).history.recipe.learning_rate
        != fit(made, recipe.but(**change)).history.recipe.learning_rate
    )
    fit(made, recipe, checkpoints=Checkpoints(tmp_path))
    with pytest.raises(UsageError, match=f"was made {blamed}"):
        fit(made, recipe.but(**change), checkpoints=Checkpoints(tmp_path, resume=True))


def rewritten(path, change):
    """A checkpoint whose checksum is right and whose content is not a run's."""
    facts, arrays = Snapshot.from_bytes(path.read_bytes())
    content = change(facts, dict(arrays))
    if isinstance(content, bytes):
        header = len(b"tfsoftmax checkpoint 1\n")
        digest = hashlib.sha256(content).hexdigest().encode()
        path.write_bytes(path.read_bytes()[:header] + digest + content)
    else:
        path.write_bytes(content.to_bytes())


def a_bomb(facts, arrays):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("facts.npy", bytes(2**20))
    return stream.getvalue()


def begun_with(facts, arrays, **changes):
    return Snapshot({**facts, "identity": {**facts["identity"], **changes}}, arrays)


WRONG = {
    "no zip": lambda facts, arrays: b"something else",
    "compressed": a_bomb,
    "facts a list": lambda facts, arrays: Snapshot([1, 2], arrays),
    "no step": lambda facts, arrays: Snapshot(
        {name: fact for name, fact in facts.items() if name != "step"}, arrays
    ),
    "no identity": lambda facts, arrays: Snapshot({**facts, "identity": None}, arrays),
    "recipe a text": lambda facts, arrays: Snapshot(
        {**facts, "identity": {**facts["identity"], "recipe": "x", "asked": "x"}}, arrays
    ),
    "step a text": lambda facts, arrays: Snapshot({**facts, "step": "many"}, arrays),
    "step below 0": lambda facts, arrays: Snapshot({**facts, "step": -3}, arrays),
    "steps without epochs": lambda facts, arrays: Snapshot({**facts, "history": []}, arrays),
    "epochs without figures": lambda facts, arrays: Snapshot(
        {**facts, "history": [{"epoch": 1}] * 4}, arrays
    ),
    "figures a text": lambda facts, arrays: Snapshot(
        {**facts, "history": [{**epoch, "test_accuracy": "x"} for epoch in facts["history"]]},
        arrays,
    ),
    "moving loss a text": lambda facts, arrays: Snapshot({**facts, "moving_loss": "x"}, arrays),
    "no W": lambda facts, arrays: Snapshot(facts, {"parameters.1": arrays["parameters.1"]}),
    "W of another shape": lambda facts, arrays: Snapshot(
        facts, {**arrays, "parameters.0": np.zeros((1, 1), np.float32)}
    ),
    "W of texts": lambda facts, arrays: Snapshot(
        facts, {**arrays, "parameters.0": np.array(["x"])}
    ),
    "lengths a number": lambda facts, arrays: Snapshot({**facts, "lengths": 3}, arrays),
    "stopping a text": lambda facts, arrays: Snapshot({**facts, "stopping": "x"}, arrays),
    "step endless": lambda facts, arrays: Snapshot({**facts, "step": float("inf")}, arrays),
    "step a number as a text": lambda facts, arrays: Snapshot({**facts, "step": "20"}, arrays),
    "scaling a text": lambda facts, arrays: begun_with(facts, arrays, scaling="x"),
    "rate a text": lambda facts, arrays: begun_with(facts, arrays, recipe={"learning_rate": "x"}),
    "l2 a text": lambda facts, arrays: Snapshot({**facts, "chosen_l2": {"l2": "x"}}, arrays),
}


STOPPING = RECIPE.but(early_stopping="log_loss", validation_fraction=0.2)
SAVING = {"every_steps": 3, "every_seconds": None, "resume": True}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """The checkpoints of a run that ended, and the bytes it ended with."""
    folder = tmp_path_factory.mktemp("ended")
    return folder, bytes_of(
        fit(make_dataset(), STOPPING, checkpoints=Checkpoints(folder, **SAVING))
    )


QUICK_WRONGS = ("no W", "W of another shape", "stopping a text", "scaling a text")


@pytest.mark.parametrize("wrong", slow_but(QUICK_WRONGS, WRONG))
def test_a_right_checksum_over_wrong_content_is_damage_too(tmp_path, made, log, ended, wrong):
    shutil.copytree(ended[0], tmp_path, dirs_exist_ok=True)
    checkpoints = Checkpoints(tmp_path, **SAVING)
    newest, *others = saved_checkpoints(tmp_path)
    assert others
    rewritten(newest, WRONG[wrong])
    assert bytes_of(fit(made, STOPPING, checkpoints=checkpoints)) == ended[1]
    assert f"{newest} is damaged" in log.text
    for path in saved_checkpoints(tmp_path):
        path.unlink() if path in others else rewritten(path, WRONG[wrong])
    with pytest.raises(CheckpointError, match="none of its 1 checkpoints is whole"):
        fit(made, STOPPING, checkpoints=checkpoints)
    assert saved_checkpoints(tmp_path) == [newest]


def test_a_scaling_of_other_features_ends_in_a_line(tmp_path, made, ended):
    shutil.copytree(ended[0], tmp_path, dirs_exist_ok=True)
    scaling = Scaling((1.0, 2.0), 1.0).to_json()
    for path in saved_checkpoints(tmp_path):
        rewritten(path, lambda *content: begun_with(*content, scaling=scaling))
    with pytest.raises(CheckpointError, match="not one of the . features of made"):
        fit(made, STOPPING, checkpoints=Checkpoints(tmp_path, **SAVING))


def test_a_run_saved_before_its_recipe_was_kept_as_asked_is_resumed(tmp_path, made):
    recipe = replace(RECIPE, center=False)
    fit(made, recipe, checkpoints=Checkpoints(tmp_path))

    def older(facts, arrays):
        facts["identity"].pop("asked", None)
        # Not yet a choice: features stayed where they are.
        facts["identity"]["recipe"].pop("center")
        for fact in ("lengths", "xla"):
            facts.pop(fact, None)
        return Snapshot(json.loads(json.dumps(facts)), arrays)

    rewritten(saved_checkpoints(tmp_path)[0], older)
    again = Checkpoints(tmp_path, resume=True)
    with pytest.raises(UsageError, match="l2.*, not with l2=0.3"):
        fit(made, recipe.but(l2=0.3), checkpoints=again)
    assert len(fit(made, recipe.but(epochs=5), checkpoints=again).history.epochs) == 5
