"""The model card: what a person should know of a model before using it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.errors import ModelError
from tfsoftmax.spec import Scaling
from tfsoftmax.training.scaling import described

FILE_NAME = "README.md"
_Z = 1.96  # two-sided 95 %


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """A 95 % confidence interval of a share.

    Reference: Wilson, Probable inference, the law of succession, and statistical
    inference (1927).

    >>> [round(bound, 4) for bound in wilson(905, 1000)]
    [0.8852, 0.9217]
    """
    share, z2 = successes / trials, _Z**2
    center = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return float(center - half), float(center + half)


def positive_interval(mean: float, error: float) -> tuple[float, float]:
    """A 95 % confidence interval of a mean that cannot be negative, as a log-loss.

    The mean's logarithm is taken for normal, with the standard error that the delta method gives
    it, ``error / mean``; so the interval never crosses zero.

    Reference: Oehlert, A note on the delta method (The American Statistician 46, 1992).

    Args:
      mean: above 0.
      error: its standard error.

    >>> [round(bound, 4) for bound in positive_interval(0.02, 0.015)]
    [0.0046, 0.087]
    """
    factor = float(np.exp(_Z * error / mean))
    return mean / factor, mean * factor


def card(description: dict[str, Any], folder: Path) -> str:
    """The card as Markdown.

    Args:
      description: what ``tfsoftmax.json`` holds.
      folder: of the version, with every artefact in it.
    """
    spec = description["spec"]
    names = spec["class_names"]
    shown = ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")
    shape = "x".join(map(str, spec["example_shape"]))
    lines = [
        f"# {description['name']}",
        "",
        f"Softmax regression of {shape} {spec['dtype']} examples into {len(names)} classes:",
        f"{shown}.",
        "It is a linear model: it knows nothing beyond its classes, and names one of them for",
        "any input.",
        "",
        *_how_made(description),
        "## Artefacts",
        "",
        "Each was loaded again in its runtime and compared with the trained model on "
        f"{description['compared_rows']:,} rows before this folder appeared.",
        "",
        "The SavedModel's bytes are its graph's and its weights'. A file that needs a version of",
        "TFLite runs in newer ones, too; LiteRT is newer than any of them.",
        *_fixed_batch(description),
        "",
        "| file | bytes | needs | same class | largest difference of a probability |",
        "|---|---|---|---|---|",
    ]
    for file, parity in description["parity"].items():
        same = f"{parity['same_class']:,} of {parity['n_samples']:,}"
        size = (folder / file).stat().st_size
        if file == "saved_model.pb":
            size += sum(part.stat().st_size for part in (folder / "variables").iterdir())
        needs = description["needs"].get(file, "TensorFlow 2")
        difference = f"{parity['max_difference']:.1e}"
        lines.append(f"| `{file}` | {size:,} | {needs} | {same} | {difference} |")
    versions = ", ".join(f"{name} {number}" for name, number in description["versions"].items())
    return "\n".join([*lines, "", *_failed(description), f"Made with {versions}.", ""])


def _failed(description: dict[str, Any]) -> list[str]:
    failed = description.get("failed", {})
    if not failed:
        return []
    return [
        "Asked for, too, and left out because the proof failed:",
        "",
        *(f"* `{file}`: {why}." for file, why in failed.items()),
        "",
    ]


def _fixed_batch(description: dict[str, Any]) -> list[str]:
    batch = description.get("tflite_batch")
    if not batch:
        return []
    return [f"TFLite files take {batch:,} row{'s' * (batch > 1)} at a time, no more and no fewer."]


def check_record(record: dict[str, Any], spec: dict[str, Any]) -> None:
    """Makes sure that a card can be written of how a model was made.

    Raises:
      ModelError: if something of it is missing or of another kind.
    """
    try:
        _how_made({**record, "spec": spec})
    # Whatever is in there may be of any shape.
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ModelError(
            f"the record of how the model was made is damaged or of another kind "
            f"({type(error).__name__}: {error})"
        ) from error


def _how_made(description: dict[str, Any]) -> list[str]:
    if not all(key in description for key in ("dataset", "recipe", "history", "test")):
        return []
    dataset, recipe = description["dataset"], description["recipe"]
    test, epochs = description["test"], description["history"]
    kept = epochs[(description.get("best_epoch") or len(epochs)) - 1]
    tested = test["n_samples"]
    low, high = wilson(round(test["accuracy"] * tested), tested)
    choices = ", ".join(f"{name} {value}" for name, value in recipe.items())
    lines = [
        "| | |",
        "|---|---|",
        f"| data | {dataset['name']}: {dataset['train_samples']:,} training and {tested:,} test "
        "rows |",
        f"| SHA-256 of the data | `{dataset['sha256']}` |",
        f"| recipe | {choices} |",
        *_scaled(description["spec"]),
        f"| test accuracy | {test['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f} "
        "(Wilson) |",
        f"| test log-loss | {_loss(test)} |",
        f"| training accuracy | {kept['train_accuracy']:.4f} |",
        *_afterwards(description),
        "",
    ]
    if "command" in description:
        command = shlex.join(description["command"])
        lines += ["Make it again:", "", "```text", command, "```", ""]
    return lines


def _afterwards(description: dict[str, Any]) -> list[str]:
    """What was done to the weights once training had ended."""
    rows = []
    if description.get("tuning"):
        tried = len(description["tuning"]["candidates"])
        folds = description["tuning"]["folds"]
        rows.append(f"| chosen | by cross-validation, of {tried} candidates on {folds} folds |")
    if description.get("resumed"):
        rows.append(f"| resumed | {description['resumed']} |")
    if description.get("xla") is False:
        rows.append("| compiled | without XLA: with it the last digits differ |")
    if description.get("best_epoch"):
        epoch, trained = description["best_epoch"], len(description["history"])
        rows.append(f"| early stopping | weights of epoch {epoch}, of {trained} trained |")
    if description.get("temperature"):
        rows.append(
            f"| temperature | logits divided by {description['temperature']:.3g}, so that "
            "probabilities can be taken at their word |"
        )
    if description.get("convergence"):
        rows.append(f"| training | {description['convergence']['sentence']} |")
    if description["spec"].get("reject_below"):
        threshold, answered = description["spec"]["reject_below"], description["test"]["answered"]
        rows.append(
            f"| abstains | where no class has a probability of {threshold:g}; it answers on "
            f"{answered:.4f} of the test rows |"
        )
    reading = description["dataset"].get("reading") or {}
    for skipped in reading.get("skipped", ()):
        rows.append(f"| rows left out {skipped['reason']} | {skipped['rows']:,} |")
    if shared := description["dataset"].get("shared_samples"):
        rows.append(f"| test rows that are training rows, too | {shared:,} |")
    return rows


def _scaled(spec: dict[str, Any]) -> list[str]:
    scaling = spec.get("scaling")
    sentence = scaling and described(Scaling.from_json(scaling))
    return [f"| features | {sentence} |"] if sentence else []


def _loss(test: dict[str, Any]) -> str:
    mean, error = test["log_loss"], test["log_loss_error"]
    if error is None or not mean > 0:
        return f"{mean:.4f} nats"
    low, high = positive_interval(mean, error)
    return f"{mean:.4f} nats, 95 % interval {low:.4f} to {high:.4f} (delta method on its logarithm)"
