"""Generated sets of the shapes that solvers find hard: many rows, columns or classes; seeded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rows = tuple[np.ndarray, np.ndarray]


def _generator(*sizes: int) -> np.random.Generator:
    return np.random.default_rng([2026, *sizes])


def _drawn(rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    """A class of each row, by the softmax of its logits."""
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1).astype(np.int32)


def _correlated(rng: np.random.Generator, n_rows: int, n_columns: int) -> np.ndarray:
    mixed = np.eye(n_columns) + rng.normal(size=(n_columns, n_columns)) / np.sqrt(n_columns)
    return _standardized(rng.normal(size=(n_rows, n_columns)) @ mixed)


def _standardized(columns: np.ndarray) -> np.ndarray:
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def tall(scale: float = 1.0) -> Rows:
    """1,000,000 rows of 30 numbers that go together, 3 classes."""
    n_rows = int(1_000_000 * scale)
    rng = _generator(n_rows, 30, 3)
    X = _correlated(rng, n_rows, 30)
    return X.astype(np.float32), _drawn(rng, X @ rng.normal(size=(30, 3)) * 0.3)


def covtype_like(scale: float = 1.0) -> Rows:
    """500,000 rows as of Forest CoverType: 10 numbers, categories of 4 and 40; 7 classes."""
    n_rows = int(500_000 * scale)
    rng = _generator(n_rows, 54, 7)
    columns = [_correlated(rng, n_rows, 10)]
    for size in (4, 40):
        usual = 1.0 / np.arange(1, size + 1)
        columns.append(np.eye(size)[rng.choice(size, n_rows, p=usual / usual.sum())])
    X = np.hstack(columns)
    share = np.array([0.365, 0.488, 0.062, 0.005, 0.016, 0.03, 0.034])
    logits = X @ rng.normal(size=(54, 7)) * 1.2 + np.log(share)
    return X.astype(np.float32), _drawn(rng, logits)


def wide(scale: float = 1.0) -> Rows:
    """5,000 rows of 20,000 columns, like genes: 50 causes that move all of them, and noise."""
    n_rows, n_columns = int(5_000 * scale), int(20_000 * scale)
    rng = _generator(n_rows, n_columns, 10)
    causes = rng.normal(size=(n_rows, 50))
    effects = rng.normal(size=(50, n_columns)) * (np.arange(1, 51) ** -0.5)[:, None]
    X = _standardized(causes @ effects + rng.normal(size=(n_rows, n_columns)))
    return X.astype(np.float32), _drawn(rng, causes @ rng.normal(size=(50, 10)) * 0.7)


def embeddings(scale: float = 1.0) -> Rows:
    """50,000 rows of 512 numbers, each row of length 1; 100 classes around centres."""
    n_rows = int(50_000 * scale)
    rng = _generator(n_rows, 512, 100)
    labels = rng.permutation(np.arange(n_rows) % 100).astype(np.int32)
    X = rng.normal(size=(100, 512))[labels] * 6 / np.sqrt(512) + rng.normal(size=(n_rows, 512))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), labels


LARGE: dict[str, Callable[[float], Rows]] = {
    "tall": tall,
    "covtype-like": covtype_like,
    "wide": wide,
    "embeddings": embeddings,
}
