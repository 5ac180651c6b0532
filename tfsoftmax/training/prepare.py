"""Prepares a run: chooses what the recipe leaves open, from the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from tfsoftmax.data.chosen_columns import chosen_columns
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.data.split import with_validation
from tfsoftmax.data.statistics import ColumnStatistics, most_frequent, quantiles
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Scaling, Spec
from tfsoftmax.training.learning_rate import Inputs, learning_rate_for, sample_rows
from tfsoftmax.training.newton.principal import is_wide
from tfsoftmax.training.newton.rows import are_few
from tfsoftmax.training.newton.tall import is_tall
from tfsoftmax.training.newton.uniform import has_many_classes
from tfsoftmax.training.recipe import Recipe, Standardize
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.scaling import scaling_of, to_float32

# The penalty on sparse rows of length 1, in units of 1 / n_samples: cross-validation on training
# rows chose from 0.001 to 0.3 of six real sets of texts.
_SPARSE_L2 = 0.1
# Root mean square of rows' lengths, at most.
_SHORT = 1.5


def prepare(dataset: Dataset, recipe: Recipe, workers: int = 1) -> tuple[Dataset, ResolvedRecipe]:
    """Chooses what a recipe leaves open: validation rows, scaling, epochs, l2, learning rate.

    Args:
      dataset: has training rows; validation rows or a scaling that it has already are kept.
      recipe: as it was asked for.
      workers: how many train together.

    Raises:
      DataError: if a class has too few rows to hold some out for validation, a feature has
        no value at all where missing ones are filled in, or features are so large that no
        learning rate suits them.

    >>> import tfsoftmax
    >>> dataset, recipe = prepare(tfsoftmax.load_dataset("digits"), Recipe(calibrate=True))
    >>> len(dataset.train), len(dataset.validation), recipe.epochs, recipe.learning_rate
    (1293, 144, 72, 3.7)
    """
    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
    dataset = with_scaling(dataset, recipe.standardize)
    if recipe.reject_below is not None:
        spec = replace(dataset.spec, reject_below=recipe.reject_below)
        dataset = replace(dataset, spec=spec)
    if dataset.model_spec != dataset.spec:
        dataset = replace(dataset, spec=dataset.model_spec)
    return dataset, resolve(recipe, dataset, workers=workers)


def resolve(
    recipe: Recipe,
    dataset: Dataset,
    sample: Callable[[], Inputs] | None = None,
    workers: int = 1,
) -> ResolvedRecipe:
    """The recipe with numbers for its epochs, its batch size, its l2 and its learning rate.

    A learning rate of ``"auto"`` is what `learning_rate_for` derives; an l2 that is left open is
    1 / n_samples, of sparse rows a tenth of that times their mean squared length, numbers of a
    table left out, or 0 beside an l1. Sparse rows are not centred.

    Args:
      recipe: as it was asked for.
      dataset: to train on, with its scaling.
      sample: returns training rows; None is `sample_of`.
      workers: how many train together; the learning rate suits a step of one of them.

    Raises:
      DataError: if features are so large that no learning rate suits them.
      UsageError: if l2 is so large.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("mnist5k")
    >>> recipe = resolve(Recipe(), dataset)
    >>> recipe.epochs, recipe.l2, recipe.learning_rate
    (24, 0.00025, 0.66)
    """
    n_samples = len(dataset.train)
    if sample is None:
        sample = cache(lambda: sample_of(dataset, recipe))
    sparse = taken_sparse(dataset.train.features, dataset.spec)
    if sparse:
        # Every step would move all of W.
        recipe = recipe.but(center=False)
    few = recipe.solver == "newton" and _needs_no_sgd(dataset, recipe, sample, workers)
    epochs = recipe.epochs_for(n_samples, few, sparse)
    l2, learning_rate = l2_of(recipe, dataset, sample), recipe.learning_rate
    batch_size = recipe.batch_size_for(n_samples, sparse)
    if learning_rate == "auto" and epochs:
        of_a_step = recipe.but(batch_size=recipe.rows_a_step(batch_size, workers))
        learning_rate = learning_rate_for(of_a_step, l2, sample(), n_samples, dataset.name)
    return ResolvedRecipe.of(
        recipe,
        epochs=epochs,
        batch_size=batch_size,
        l2=l2,
        learning_rate=learning_rate,
    )


def _needs_no_sgd(
    dataset: Dataset, recipe: Recipe, sample: Callable[[], Inputs], workers: int
) -> bool:
    """Whether Newton's steps take no longer from 0 than from where an epoch of SGD ends."""
    rows, n_inputs, n_classes = dataset.train, dataset.spec.n_inputs, dataset.spec.n_classes
    sparse, limit = taken_sparse(rows.features, dataset.spec), recipe.memory_limit
    if are_few(rows, n_classes, limit, sparse):
        return True
    if recipe.l1:
        return False
    if is_wide(len(rows), n_inputs, n_classes):
        return True
    if sparse or workers > 1:
        return False
    if is_tall(rows, n_inputs, n_classes, limit):
        return True
    # Beside rows so short the bias holds SGD's learning rate down.
    return has_many_classes(n_inputs, n_classes) and sample().row_size(without=[]) <= _SHORT


def sample_of(dataset: Dataset, recipe: Recipe) -> Inputs:
    """Training rows as training sees them (`sample_rows`)."""
    return sample_rows(SoftmaxRegression(dataset.spec), dataset.train, recipe)


def l2_of(recipe: Recipe, dataset: Dataset, sample: Callable[[], Inputs]) -> float:
    """The strength of the penalty on squares; `resolve` says what it is where it is left open.

    Args:
      recipe: as it was asked for.
      dataset: to train on, with its scaling.
      sample: returns training rows.
    """
    l2 = recipe.l2_for(len(dataset.train))
    left_open = recipe.l2 in (None, "auto")
    if not left_open or not taken_sparse(dataset.train.features, dataset.spec):
        return l2
    # The same for a text whether its words are counts, or shares in a row of length 1.
    encoding = dataset.spec.encoding
    length = sample().row_size(without=encoding.numbers if encoding else [])
    return float(f"{_SPARSE_L2 * l2 * length**2:.2g}")


def with_scaling(dataset: Dataset, standardize: Standardize, advise: bool = True) -> Dataset:
    """The dataset with a spec that says how its features are scaled.

    Features of a known range are scaled by it to [0, 1], and bytes by the range found. The
    columns of a table get mean 0 and standard deviation 1, unless all are about so already;
    constant ones get mean 0. Columns of mostly zeros (counts, TF-IDF, categories) keep their
    zeros and are divided by their largest magnitude, as `MaxAbsScaler` does. Columns with values
    more than 10 deviations from their mean are scaled by median and quartiles instead; if
    there are any, all scaled numbers are clipped to [-5, 5]. Only training rows are looked at.

    Of sparse rows, whose zeros are not kept, no column is moved, and only those are divided whose
    values have a typical size more than 100 times or less than a hundredth of the others'. Of an
    encoded table only the numbers are scaled; they are what a missing value is filled in for.

    Args:
      dataset: returned unchanged if its spec has a scaling.
      standardize: ``"auto"`` scales as described above; ``"on"`` gives every feature mean 0 and
        deviation 1, or in sparse rows deviation 1 only, as scikit-learn's
        ``StandardScaler(with_mean=False)``; ``"off"`` scales features of a known range only.
      advise: whether to log what ``"on"`` does to some columns.

    >>> from tfsoftmax import Spec, Split
    >>> rows = Split(np.float32([[0.0, 5.0], [256.0, 5.0]]), np.int32([0, 1]))
    >>> dataset = Dataset("tiny", Spec((2,), "float32", ("no", "yes")), rows, rows)
    >>> with_scaling(dataset, "auto").spec.scaling
    Scaling(offset=(128.0, 5.0), scale=(0.0078125, 1.0), fill=None, indicators=(), limit=None)
    """
    spec, features = dataset.spec, dataset.train.features
    ranged = spec.value_range is not None and standardize != "on"
    if spec.scaling is not None or (not spec.missing and (ranged or standardize == "off")):
        return dataset
    if spec.encoding is None:
        columns: Sequence[int] = range(spec.n_features)
    else:
        columns = spec.encoding.numbers
        features = chosen_columns(features, columns)
    found = ColumnStatistics.of(features)
    scaling = spec.scaled_by
    if not ranged:
        scaling = scaling_of(features, found, standardize, advise)
    if spec.missing:
        scaling = _with_fill(dataset.name, spec, columns, features, found, scaling)
    if spec.encoding is not None:
        scaling = scaling.spread(columns, spec.n_features)
    return replace(dataset, spec=replace(spec, scaling=scaling))


def _with_fill(
    name: str,
    spec: Spec,
    columns: Sequence[int],
    features: FeaturesLike,
    found: ColumnStatistics,
    scaling: Scaling,
) -> Scaling:
    """Adds to a scaling the values to fill in for missing ones, as the spec asks for it.

    Args:
      name: of the dataset.
      spec: of its rows.
      columns: the spec's features that are scaled.
      features: only these columns.
      found: their statistics.
      scaling: of these columns.
    """
    empty = np.flatnonzero(found.count == 0)
    if len(empty):
        column = _column_name(spec, columns[int(empty[0])])
        raise DataError(
            f"{name}: {column!r} has no value in any of the {found.n_samples:,} training rows, so "
            "there is nothing to fill in; leave it out"
            # Of arrays, no option leaves a feature out.
            + (" with " + setting("drop", [column]) if spec.feature_names or spec.encoding else "")
        )
    values = found.mean
    if spec.missing in ("median", "most_frequent"):
        # Both are 0 where most values are.
        others = np.flatnonzero(found.zero_share <= 0.5)
        values = np.zeros(len(found.mean))
        values[others] = (
            quantiles(features, others, (0.5,))[0]
            if spec.missing == "median"
            else most_frequent(features, others)
        )
    watched = [int(index) for index in np.flatnonzero(found.missing)]
    if spec.missing != "indicator":
        watched = []
    elif spec.encoding is not None:
        # The parts of a date are missing together.
        watched = [index for index in watched if columns[index] in spec.encoding.offsets]
    return replace(scaling, fill=to_float32(values), indicators=tuple(watched))


def _column_name(spec: Spec, feature: int) -> str:
    """The column of a table that a feature is made from."""
    encoding = spec.encoding
    return encoding.column_of(feature).inputs[0] if encoding else spec.feature_name(feature)
