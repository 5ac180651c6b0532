"""Matches the columns of a trained model and of a new table to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.placed_rows import placed
from tfsoftmax.data.tables.columns import listed
from tfsoftmax.errors import ModelError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Spec


def with_same_columns(
    model: SoftmaxRegression, dataset: Dataset
) -> tuple[SoftmaxRegression, Dataset]:
    """A model and a dataset whose features have the same order; both predict as before.

    Numbers take the dataset's order. Columns that are encoded keep the model's, and all of its
    categories; those that only the dataset has come after them, and start with the weights of
    unknown ones.

    Raises:
      ModelError: naming a column that only one of them has, or has in another form.
    """
    ours, theirs = model.spec, dataset.spec
    if ours.encoding is None and theirs.encoding is None:
        if ours.feature_names and theirs.feature_names:
            names = theirs.feature_names
            order = _order(ours.feature_names, names, dataset.name)
            model = _reordered(model, order, replace(ours, feature_names=names))
        return model, dataset
    if ours.encoding == theirs.encoding:
        return model, dataset
    if ours.encoding is None or theirs.encoding is None:
        raise ModelError(_mixed(ours, theirs, dataset.name))
    known, found = ours.encoding, theirs.encoding
    theirs_by_name = {each.name: each for each in found.columns}
    _order([each.name for each in known.columns], list(theirs_by_name), dataset.name)
    columns = [_united(each, theirs_by_name[each.name], dataset.name) for each in known.columns]
    both = Encoding(_inputs(known, found, dataset.name), tuple(columns))
    # New categories come after the others, and are like unknown ones.
    like = [
        first + (index if index < column.n_features else 1)
        for first, column, wider in zip(known.offsets, known.columns, both.columns, strict=False)
        for index in range(wider.n_features)
    ]
    spec = replace(ours, encoding=both, example_shape=(both.n_features,))
    return _reordered(model, like, spec), _placed(dataset, both)


def _united(column: Column, found: Column, name: str) -> Column:
    """A model's column with the categories of a dataset's, too."""
    if column == found:
        return column
    if column.kind == "terms":
        raise ModelError(
            f"{name}: column {column.name!r} is {_told(found)}; the model to start from has the "
            "vocabulary of a scikit-learn vectorizer for it, with which nothing is trained here: "
            "train a new model, or fit the pipeline again and convert that"
        )
    if replace(column, vocabulary=()) != replace(found, vocabulary=()):
        raise ModelError(
            f"{name}: column {column.name!r} is {_told(found)}, and {_told(column)} in the model "
            "to start from; read it in the same way" + _remedy(column)
        )
    known = set(column.vocabulary)
    new = (category for category in found.vocabulary if category not in known)
    return replace(column, vocabulary=(*column.vocabulary, *new))


def _told(column: Column) -> str:
    details = {
        "hashed": f" in {column.size:,} buckets",
        "cross": f" in {column.size:,} buckets",
        "text": f" in {column.size:,} buckets",
        "buckets": f", with boundaries {', '.join(f'{each:g}' for each in column.boundaries)}",
        "date": f", in {column.time_zone}, written as {column.date_format or 'ISO 8601'}",
    }
    return {"buckets": "ranges"}.get(column.kind, column.kind) + details.get(column.kind, "")


def _remedy(column: Column) -> str:
    """How a column is read as a model has it."""
    if column.kind == "buckets":
        boundaries = ",".join(f"{each:g}" for each in column.boundaries)
        return ", with " + setting("buckets", [f"{column.inputs[0]}:{boundaries}"])
    if column.kind in ("cross", "terms"):
        return ""
    return ", with " + setting("column", [f"{column.inputs[0]}={column.kind}"])


def _inputs(known: Encoding, found: Encoding, name: str) -> tuple[Input, ...]:
    """The model's inputs; a category that was whole numbers may have become a text."""
    theirs = {each.name: each.dtype for each in found.inputs}
    inputs = []
    for each in known.inputs:
        dtypes = {each.dtype, theirs.get(each.name, each.dtype)}
        if "float32" in dtypes and len(dtypes) > 1:
            raise ModelError(
                f"{name}: the cells of column {each.name!r} are of type {theirs[each.name]}, and "
                f"{each.dtype} for the model to start from; write them alike"
            )
        inputs.append(Input(each.name, each.dtype if len(dtypes) == 1 else "string"))
    return tuple(inputs)


def _mixed(ours: Spec, theirs: Spec, name: str) -> str:
    encoding = ours.encoding or theirs.encoding
    assert encoding is not None
    other = next((each for each in encoding.columns if each.kind != "number"), encoding.columns[0])
    which = f"in which {other.name!r} is {_told(other)}"
    if ours.encoding:
        return f"the model to start from takes a table {which}; {name} has numbers only"
    return f"the model to start from takes numbers only; {name} is a table {which}"


def _placed(dataset: Dataset, both: Encoding) -> Dataset:
    """The dataset with the features of a wider encoding."""
    found = dataset.spec.encoding
    assert found is not None
    first_of = dict(zip((each.name for each in both.columns), both.offsets, strict=False))
    index_of = {each.name: each for each in both.columns}
    places = []
    for column in found.columns:
        wider = index_of[column.name]
        at = {category: 2 + index for index, category in enumerate(wider.vocabulary)}
        local = list(range(column.n_features))
        if column.kind == "category":
            local[2:] = [at[category] for category in column.vocabulary]
        places += [first_of[column.name] + index for index in local]
    entries = both.numbers if both.sparse else None

    def moved(split: Split) -> Split:
        rows = placed(split.features, np.array(places), both.n_features, entries)
        return replace(split, features=rows, raw=split.raw and _cells(split.raw, both))

    return replace(
        dataset,
        spec=replace(dataset.spec, encoding=both, example_shape=(both.n_features,)),
        train=moved(dataset.train),
        test=moved(dataset.test),
        validation=dataset.validation and moved(dataset.validation),
    )


def _cells(raw: Mapping[str, np.ndarray], both: Encoding) -> dict[str, np.ndarray]:
    """Raw cells in the types of the inputs."""
    texts = {each.name for each in both.inputs if each.dtype == "string"}
    return {
        name: cells.astype(str).astype(object) if name in texts and cells.dtype != object else cells
        for name, cells in raw.items()
    }


def _order(known: Sequence[str], found: Sequence[str], name: str) -> list[int]:
    """For each column that was found, its index among those that are known."""
    ours, theirs = set(known), set(found)
    if strange := [each for each in found if each not in ours]:
        raise ModelError(
            f"the model to start from does not know column {strange[0]!r} of {name}; it "
            f"takes {listed(known)}: leave out the others"
        )
    if missing := [each for each in known if each not in theirs]:
        raise ModelError(
            f"{name} has no column {missing[0]!r}, which the model to start from takes; it "
            f"has {listed(found)}"
        )
    at = {each: index for index, each in enumerate(known)}
    return [at[each] for each in found]


def _reordered(model: SoftmaxRegression, order: Sequence[int], spec: Spec) -> SoftmaxRegression:
    """The model with other features: for each of them, in `order`, the old one it is like."""
    if list(order) == list(range(model.spec.n_features)):
        return model
    scaling = model.spec.scaling and model.spec.scaling.reorder(order)
    moved = SoftmaxRegression(replace(spec, scaling=scaling))
    # The indicators of missing features come last, in the order they had.
    rows = [*order, *range(model.spec.n_features, model.spec.n_inputs)]
    moved.W.assign(model.W.numpy()[rows])
    moved.b.assign(model.b)
    return moved
