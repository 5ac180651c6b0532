"""Datasets made for tests."""

import numpy as np

from tfsoftmax import Dataset, Spec, Split


def make_dataset(n_train=50, n_test=20, n_features=6, n_classes=3, seed=0, dtype="float32"):
    """Rows of overlapping Gaussian classes."""
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(n_classes, n_features))

    def split(n_samples):
        labels = generator.integers(n_classes, size=n_samples).astype(np.int32)
        features = centers[labels] + generator.normal(size=(n_samples, n_features))
        return Split(features.astype(dtype), labels)

    names = tuple(f"class {index}" for index in range(n_classes))
    spec = Spec((n_features,), dtype, names)
    return Dataset("made", spec, split(n_train), split(n_test))


def all_rows(dataset):
    """Rows and class names, in any order."""
    parts = dataset.splits().values()
    features = np.concatenate([np.asarray(part.features[:]) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    names = np.array(dataset.spec.class_names)[labels]
    return sorted(zip(map(tuple, features.tolist()), names.tolist(), strict=True))
