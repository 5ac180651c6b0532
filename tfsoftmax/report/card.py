"""The model card: what a person should know of a model before using it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsoftmax.errors import ModelError, UsageError
from tfsoftmax.intervals import positive_interval, wilson
from tfsoftmax.report.coefficients import coefficients
from tfsoftmax.report.columns import describe_columns
from tfsoftmax.report.converted import ConversionRecord, how_converted
from tfsoftmax.report.markdown import table
from tfsoftmax.report.recipe_table import recipe_table
from tfsoftmax.spec import Spec
from tfsoftmax.training.penalty import ChosenL2
from tfsoftmax.training.record import RunRecord
from tfsoftmax.training.scaling import described
from tfsoftmax.training.workers_record import WorkersRecord

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression

FILE_NAME = "README.md"
# More class names than this would hide the rest of the card.
_MOST_NAMES = 20
_MOST_COEFFICIENTS = 20
_COEFFICIENTS = ("coefficient", "raw_coefficient")
# What reading it as a record raises, if it is none.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError)


def card(
    description: Mapping[str, Any],
    folder: Path,
    model: SoftmaxRegression,
    notes: Sequence[str] = (),
) -> str:
    """The card as Markdown.

    Args:
      description: what ``tfsoftmax.json`` holds.
      folder: of the version, with every artefact in it.
      model: that was exported.
      notes: sentences on the artefacts.
    """
    spec = Spec.from_json(description["spec"])
    record = RunRecord.from_json(description)
    converted = ConversionRecord.from_json(description)
    return "\n".join(
        [
            *_what_it_is(description["name"], spec),
            *(_how_made(record, spec) if record else []),
            *(how_converted(converted) if converted else []),
            *describe_columns(spec, record.dataset if record else None),
            *_strongest(model),
            *_artefacts(description, folder, notes, "converted" if converted else "trained"),
            *_failed(description.get("failed", {})),
            *_versions(record, description["versions"]),
            "",
        ]
    )


def check_record(record: Mapping[str, Any], spec: Spec) -> None:
    """Makes sure that a card can say how a model was made.

    Raises:
      ModelError: if something of the record is missing or of another kind.
    """
    try:
        run = RunRecord.from_json(record)
        if run:
            _how_made(run, spec)
            describe_columns(spec, run.dataset)
        if converted := ConversionRecord.from_json(record):
            how_converted(converted)
    # Whatever is in there may be of any shape.
    except (*_DAMAGE, ArithmeticError, UsageError) as error:
        raise ModelError(
            f"the record of how the model was made is damaged or of another kind "
            f"({type(error).__name__}: {error})"
        ) from error


def _what_it_is(name: str, spec: Spec) -> list[str]:
    names = spec.class_names
    more = f", ... ({len(names):,} in all)" if len(names) > _MOST_NAMES else ""
    return [
        f"# {name}",
        "",
        f"Softmax regression: {spec.shape_in_words} {spec.dtype} features in, "
        f"{len(names):,} classes out:",
        f"{', '.join(names[:_MOST_NAMES])}{more}.",
        "It is a linear model: it knows nothing beyond its classes, and names one of them for",
        "any input.",
        "",
    ]


def _how_made(record: RunRecord, spec: Spec) -> list[str]:
    facts = [*_data(record), *_figures(record), *_training(record, spec)]
    return [
        *table(["", ""], facts),
        "",
        "## Recipe",
        "",
        *recipe_table(record),
        *_again(record),
    ]


def _data(record: RunRecord) -> list[tuple[str, str]]:
    data = record.dataset
    rows = f"{data.train_samples:,} training and {data.test_samples:,} test rows"
    facts = [("data", f"{data.name}: {rows}"), ("SHA-256 of the data", f"`{data.sha256}`")]
    facts += [
        (f"rows left out {skipped.reason}", f"{skipped.rows:,}") for skipped in data.notes.skipped
    ]
    if data.shared_samples:
        facts.append((f"test rows that {data.shared_are}", f"{data.shared_samples:,}"))
    return facts


def _figures(record: RunRecord) -> list[tuple[str, str]]:
    test, kept = record.test, record.history[(record.best_epoch or len(record.history)) - 1]
    tested = test["n_samples"]
    low, high = wilson(round(test["accuracy"] * tested), tested)
    return [
        (
            "test accuracy",
            f"{test['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f} (Wilson)",
        ),
        ("test log-loss", _loss(test)),
        ("training accuracy", f"{kept.train_accuracy:.4f}"),
    ]


def _loss(test: Mapping[str, Any]) -> str:
    mean, error = test["log_loss"], test["log_loss_error"]
    if error is None or not mean > 0:
        return f"{mean:.4f} nats"
    low, high = positive_interval(mean, error)
    return f"{mean:.4f} nats, 95 % interval {low:.4f} to {high:.4f} (delta method on its logarithm)"


def _training(record: RunRecord, spec: Spec) -> list[tuple[str, str]]:
    """What training did beside taking steps, and how it ended."""
    facts = []
    if spec.scaling and (scaled := described(spec.scaling, spec.encoding)):
        facts.append(("features", scaled))
    if record.chosen_l2:
        facts.append(("l2", ChosenL2.from_json(record.chosen_l2).sentence))
    if record.workers:
        facts.append(("workers", WorkersRecord.from_json(record.workers).sentence))
    if record.tuning:
        tried, folds = len(record.tuning["candidates"]), record.tuning["folds"]
        facts.append(("chosen", f"by cross-validation, of {tried} candidates on {folds} folds"))
    if record.resumed:
        facts.append(("resumed", record.resumed))
    if record.xla is False:
        facts.append(("compiled", "without XLA: with it the last digits differ"))
    if record.best_epoch:
        epochs = f"epoch {record.best_epoch}, of {len(record.history)} trained"
        facts.append(("early stopping", f"weights of {epochs}"))
    if record.temperature:
        facts.append(
            (
                "temperature",
                f"logits divided by {record.temperature:.3g}, so that probabilities can be taken "
                "at their word",
            )
        )
    if spec.reject_below:
        facts.append(
            (
                "abstains",
                f"where no class has a probability of {spec.reject_below:g}; it answers on "
                f"{record.test['answered']:.4f} of the test rows",
            )
        )
    judged = "not judged; `tfsoftmax.diagnose` does, before `export_model`"
    if record.convergence:
        judged = record.convergence["sentence"]
    return [*facts, ("convergence", judged)]


def _again(record: RunRecord) -> list[str]:
    if record.command is None:
        return ["It was trained in Python, by `tfsoftmax.fit` with this recipe.", ""]
    command = shlex.join(record.command)
    if record.workers:
        # With another number of workers it may be another model.
        command = f"tfsoftmax launch --workers {record.workers['count']} -- {command}"
    return ["Make it again:", "", "```text", command, "```", ""]


def _strongest(model: SoftmaxRegression) -> list[str]:
    """The strongest coefficients; of pictures, a list of pixels would tell nothing."""
    spec = model.spec
    if spec.is_image:
        return []
    # Of two classes, one has the other's with the opposite sign.
    classes = spec.class_names[1:] if spec.n_classes == 2 else None
    found = coefficients(model, classes=classes, top=_MOST_COEFFICIENTS, centred=True)
    rows = [
        (row["feature"], row["class"], *(f"{row[name]:+.3g}" for name in _COEFFICIENTS))
        for row in found[:_MOST_COEFFICIENTS].to_dict("records")
    ]
    return [
        "## Strongest coefficients",
        "",
        "Less their mean over all classes; `tfsoftmax coefficients` prints all of them.",
        "",
        *table(["feature", "class", "of the scaled feature", "for each unit of the column"], rows),
        "",
    ]


def _artefacts(
    description: Mapping[str, Any], folder: Path, notes: Sequence[str], made: str
) -> list[str]:
    rows = []
    for file, parity in description["parity"].items():
        size = (folder / file).stat().st_size
        if file == "saved_model.pb":
            size += sum(part.stat().st_size for part in (folder / "variables").iterdir())
        rows.append(
            (
                f"`{file}`",
                f"{size:,}",
                description["needs"].get(file, "TensorFlow 2"),
                f"{parity['same_class']:,} of {parity['n_samples']:,}",
                f"{parity['max_difference']:.1e}",
            )
        )
    return [
        "## Artefacts",
        "",
        f"Each was loaded again in its runtime and compared with the {made} model on "
        f"{description['compared_rows']:,} rows before this folder appeared.",
        "",
        *_raw_rows(description["parity"]),
        "The SavedModel's bytes are its graph's and its weights'. A file that needs a version of",
        "TFLite runs in newer ones, too; LiteRT is newer than any of them.",
        *notes,
        "",
        *table(
            ["file", "bytes", "needs", "same class", "largest difference of a probability"], rows
        ),
        "",
    ]


def _raw_rows(parity: Mapping[str, Any]) -> list[str]:
    """What was asked with rows of the table itself, of a model that encodes its columns."""
    lines = [
        f"`{file}` was also given {found['raw']['n_samples']:,} rows of the table as they are, "
        "some of them with each cell missing and each text unknown, in each form that it takes "
        f"them: the same class on {found['raw']['same_class']:,}, probabilities within "
        f"{found['raw']['max_difference']:.1e}."
        for file, found in parity.items()
        if "raw" in found
    ]
    return [*lines, ""] if lines else []


def _failed(failed: Mapping[str, str]) -> list[str]:
    if not failed:
        return []
    return [
        "Asked for, too, and left out because the proof failed:",
        "",
        *(f"* `{file}`: " + why + "." for file, why in failed.items()),
        "",
    ]


def _versions(record: RunRecord | None, exported_with: Mapping[str, str]) -> list[str]:
    trained_with = record.trained_with if record else {}
    if trained_with and trained_with != exported_with:
        return [f"Trained with {_listed(trained_with)}; exported with {_listed(exported_with)}."]
    return [f"Made with {_listed(exported_with)}."]


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
