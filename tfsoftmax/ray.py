"""Training with Ray: its workers run ``tfsoftmax-train`` and train one model together.

Each worker starts the command in a process of its own, because TensorFlow must hear of the others
before it does anything else, and Ray uses processes again. It ends with the worker that started it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsoftmax.errors import TRY_AGAIN, PeerError, TfsoftmaxError, UsageError

if TYPE_CHECKING:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

# What `train_together` itself tells the command.
_GIVEN = ("--checkpoint-dir", "--resume", "--output-dir", "--json", "--distribute")
# On Linux the command is killed with the worker that started it (PR_SET_PDEATHSIG).
_COMMAND = """
import sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
from tfsoftmax.cli._entry import train
train()
"""


def trainer(
    arguments: Sequence[str],
    *,
    scaling_config: ScalingConfig | None = None,
    run_config: RunConfig | None = None,
) -> TensorflowTrainer:
    """A trainer of Ray whose workers train one model by ``tfsoftmax-train``.

    Its ``fit()`` returns Ray's result: ``metrics`` has the figures of the last epoch, and
    ``checkpoint`` the exported model, whose folder `load_predictor` takes. If a worker is lost,
    and ``FailureConfig`` allows it, Ray starts all again, and they go on from the chief's last
    checkpoint; with ``ScalingConfig(num_workers=(2, 8))`` also with another number of workers.
    The model depends on how many there are, unless ``--sync-every 1`` is among the arguments.

    Args:
      arguments: of ``tfsoftmax-train``: the dataset and options.
      scaling_config: how many workers, and what each needs.
      run_config: the run's name, and ``storage_path``, a folder that all nodes share. A run of
        the same name there is gone on with.

    Raises:
      UsageError: if Ray is not installed, the storage is not a folder, or an argument says what
        is said here.

    Reference: the user guides of Ray Train, "Elastic training" and "Handling failures and node
    preemption".

    >>> from ray.train import RunConfig, ScalingConfig  # doctest: +SKIP
    >>> result = trainer(["mnist", "--batch-size", "16384"],
    ...                  scaling_config=ScalingConfig(num_workers=4),
    ...                  run_config=RunConfig("mnist", storage_path="/shared")
    ... ).fit()  # doctest: +SKIP
    """
    try:
        from ray.train import RunConfig
        from ray.train.tensorflow import TensorflowTrainer
    except ImportError as error:
        raise UsageError(
            f"training with Ray needs its package: pip install 'tfsoftmax[ray]' ({error})"
        ) from error
    for argument in arguments:
        if argument.partition("=")[0] in _GIVEN:
            raise UsageError(
                f"{argument} is not for tfsoftmax.ray, which keeps the run, its checkpoints and "
                "its models in run_config's storage_path"
            )
    run_config = run_config or RunConfig()
    storage = str(run_config.storage_path or "~/ray_results")
    if "://" in storage:
        raise UsageError(
            f"run_config's storage_path is {storage!r}; it must be a folder that all nodes share, "
            "as checkpoints are files"
        )
    return TensorflowTrainer(
        train_together,
        train_loop_config={
            "arguments": list(arguments),
            "folder": str(Path(storage).expanduser().absolute() / run_config.name),
        },
        scaling_config=scaling_config,
        run_config=run_config,
    )


def train_together(config: dict[str, Any]) -> None:
    """What each of Ray's workers does; for a `TensorflowTrainer` with options of your own.

    Args:
      config: ``arguments`` of ``tfsoftmax-train``, and a ``folder`` that all nodes share.

    Raises:
      PeerError: if another worker is gone.
      TfsoftmaxError: if training failed; the message is that of the command.
    """
    from ray import train

    folder = Path(config["folder"])
    kept = ["--checkpoint-dir", str(folder / "run"), "--resume"]
    command = [*config["arguments"], *kept, "--output-dir", str(folder / "models"), "--json"]
    document = _printed_by([sys.executable, "-c", _COMMAND, *command])
    if train.get_context().get_world_rank():
        train.report({})
        return
    found = json.loads(document)
    exported = train.Checkpoint.from_directory(found["model"]["saved_model"])
    train.report(found["history"][-1], checkpoint=exported)


def _printed_by(command: Sequence[str]) -> str:
    """What a command prints; its errors and its progress are this process's, too."""
    last = "it said nothing"
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=printed, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        with process:
            for line in process.stderr or ():
                sys.stderr.write(line)
                last = line.strip() or last
        if process.returncode:
            kind = PeerError if process.returncode == TRY_AGAIN else TfsoftmaxError
            raise kind(last.removeprefix("Error: "))
        printed.seek(0)
        return printed.read()
