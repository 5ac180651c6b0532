"""Twenty generated classification sets, each of a kind that people have; seeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Made(NamedTuple):
    """Rows of a generated set.

    Attributes:
      title: what it is like.
      features: ``[n_samples, n_features]``, or pictures ``[n_samples, height, width, ...]``.
      labels: int ``[n_samples]``.
      sparse: whether most features of a row are 0, as scikit-learn's text pipelines have them.
    """

    title: str
    features: np.ndarray
    labels: np.ndarray
    sparse: bool = False


def _labels(rng: np.random.Generator, n_samples: int, n_classes: int) -> np.ndarray:
    # Every class has rows to hold out, whatever is drawn.
    return rng.permutation(np.arange(n_samples) % n_classes)


def _gaussian(
    rng: np.random.Generator, n_samples: int, n_features: int, n_classes: int, apart: float
) -> tuple[np.ndarray, np.ndarray]:
    labels = _labels(rng, n_samples, n_classes)
    centers = rng.normal(size=(n_classes, n_features)) * apart / np.sqrt(n_features)
    return centers[labels] + rng.normal(size=(n_samples, n_features)), labels


def _rare(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(20_000, 15))
    logits = X @ rng.normal(size=15) * 0.8 - 5.5
    return X, (rng.random(len(X)) < 1 / (1 + np.exp(-logits))).astype(int)


def _pictures(
    rng: np.random.Generator,
    n_samples: int,
    shape: tuple[int, ...],
    n_classes: int,
    contrast: float,
    noise: float,
    brightness: float = 128.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Smooth templates, moved by a pixel or two, under changing light and noise."""
    labels = _labels(rng, n_samples, n_classes)
    height, width = shape[:2]
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    waves = rng.normal(size=(n_classes, *shape[2:], 6, 3)) * [3.0, 3.0, np.pi]
    angles = waves[..., 0, None, None] * rows + waves[..., 1, None, None] * columns
    templates = np.cos(2 * np.pi * angles + waves[..., 2, None, None]).mean(axis=-3) * 2.5
    if len(shape) == 3:
        templates = np.moveaxis(templates, 1, -1)
    moved = np.stack([np.roll(templates[k], rng.integers(-1, 2, 2), axis=(0, 1)) for k in labels])
    light = rng.normal(1.0, 0.2, size=(n_samples,) + (1,) * len(shape))
    shade = rng.normal(0, 25, size=light.shape)
    pixels = brightness + shade + contrast * light * moved + rng.normal(0, noise, moved.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8), labels


def _words(
    rng: np.random.Generator, n_samples: int, n_words: int, n_classes: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of words by Zipf's law; each class prefers some of them."""
    labels = _labels(rng, n_samples, n_classes)
    usual = 1.0 / np.arange(2, n_words + 2)
    preferred = np.exp(rng.normal(size=(n_classes, n_words)) * 0.9) * usual
    preferred /= preferred.sum(axis=1, keepdims=True)
    lengths = rng.poisson(length, n_samples) + 5
    counts = np.stack(
        [rng.multinomial(n, preferred[k]) for n, k in zip(lengths, labels, strict=True)]
    )
    return counts.astype(np.float32), labels


def _tf_idf(counts: np.ndarray) -> np.ndarray:
    """Weights of words, each row of length 1, as scikit-learn's TfidfTransformer has them."""
    idf = np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=0))) + 1
    weights = counts * idf
    norms = np.linalg.norm(weights, axis=1, keepdims=True)
    return (weights / np.maximum(norms, 1e-12)).astype(np.float32)


def _categories(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X, labels = _gaussian(rng, 5_000, 6, 5, 1.5)
    columns = [X * [1, 10, 0.1, 5, 1, 100] + [0, 50, 0, -5, 1, 1000]]
    for size in (3, 8, 20, 50):
        chances = rng.dirichlet(np.full(size, 0.7), size=5)
        drawn = np.array([rng.choice(size, p=chances[k]) for k in labels])
        columns.append(np.eye(size)[drawn])
    return np.column_stack(columns).astype(np.float32), labels


def _log_normal(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X, labels = _gaussian(rng, 2_000, 20, 3, 2.0)
    return np.exp(1.5 * X), labels


def _student(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = _labels(rng, 5_000, 2)
    centers = rng.normal(size=(2, 10)) * 0.7
    return centers[labels] + rng.standard_t(1.5, size=(5_000, 10)), labels


def _one_large(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X, labels = _gaussian(rng, 3_000, 12, 4, 2.5)
    X[:, 5] *= 1e6
    return X, labels


def _uneven(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X, labels = _gaussian(rng, 10_000, 30, 7, 3.0)
    mixed = X @ (np.eye(30) + 0.5 * rng.normal(size=(30, 30)) / np.sqrt(30))
    return mixed * np.logspace(-3, 6, 30) + np.logspace(-2, 7, 30), labels


def _embeddings(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X, labels = _gaussian(rng, 10_000, 256, 100, 6.0)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), labels


Draw = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _counts(*size: int) -> Draw:
    return lambda rng: _words(rng, *size)


def _weighted(*size: int) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        counts, labels = _words(rng, *size)
        return _tf_idf(counts), labels

    return draw


SETS: tuple[tuple[str, Draw, bool], ...] = (
    ("Gaussian, few rows", lambda rng: _gaussian(rng, 50, 5, 2, 3.0), False),
    ("Gaussian, few rows, 3 classes", lambda rng: _gaussian(rng, 75, 20, 3, 2.0), False),
    ("Gaussian, wider than long", lambda rng: _gaussian(rng, 200, 500, 2, 2.5), False),
    ("Gaussian, 10 classes", lambda rng: _gaussian(rng, 1_000, 30, 10, 3.0), False),
    ("Gaussian, 100 classes", lambda rng: _gaussian(rng, 50_000, 40, 100, 4.0), False),
    ("Gaussian, tall", lambda rng: _gaussian(rng, 50_000, 10, 2, 1.5), False),
    ("one row in a hundred positive", _rare, False),
    ("pixels, gray", lambda rng: _pictures(rng, 5_000, (12, 12), 10, 40, 50), False),
    ("pixels, bright, like clothes",
     lambda rng: _pictures(rng, 10_000, (28, 28), 10, 12, 60, 150), False),
    ("pixels, small and in colour",
     lambda rng: _pictures(rng, 210, (24, 24, 3), 3, 5, 45, 150), False),
    ("pixels, colour, 20 classes",
     lambda rng: _pictures(rng, 2_000, (16, 16, 3), 20, 25, 60), False),
    ("counts of words", _counts(5_000, 1_000, 20, 20), True),
    ("counts of words, few rows", _counts(500, 2_000, 2, 15), True),
    ("TF-IDF", _weighted(4_000, 2_000, 16, 20), True),
    ("TF-IDF, few rows", _weighted(300, 3_000, 4, 25), True),
    ("categories and numbers", _categories, False),
    ("heavy tails, log-normal", _log_normal, False),
    ("heavy tails, Student's t", _student, False),
    ("one column a million times larger", _one_large, False),
    ("columns of nine magnitudes", _uneven, False),
)  # fmt: skip


def made(place: int) -> Made:
    """The set at a place of `SETS`; the same rows at every call."""
    title, draw, sparse = SETS[place]
    features, labels = draw(np.random.default_rng([2026, place]))
    return Made(title, features, labels, sparse)
