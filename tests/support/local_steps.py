"""Local steps of several workers, written independently of the package: float64, in one process."""

import numpy as np
import scipy.special

from support.numpy_run import rate_at


def in_memory(dataset, recipe, bounds):
    """Each worker's rows of each step of an epoch: ``batches(epoch, worker)``.

    Args:
      bounds: worker i has the rows from bounds[i] to bounds[i + 1] of the shuffled ones.
    """
    n = len(dataset.train)
    shuffled = np.random.default_rng([recipe.seed, 4]).permutation(n)
    shards = [np.sort(shuffled[bounds[i] : bounds[i + 1]]) for i in range(len(bounds) - 1)]
    # Of each of one process's batches as large a part as a worker's rows are of all.
    ends = np.append(np.arange(0, n, recipe.batch_size), n)

    def batches(epoch, worker):
        shard = shards[worker]
        order = np.random.default_rng([recipe.seed, 1, epoch, worker]).permutation(len(shard))
        return np.split(shard[order], ends[1:-1] * len(shard) // n)

    return batches


def local_steps(dataset, recipe, n_workers, batches):
    """The weights ``[n_features + 1, n_classes]``, b last, of plain steps with momentum.

    Args:
      dataset: of pixels.
      recipe: all numbers given, and no options but those that are used here.
      n_workers: how many there are.
      batches: as from `in_memory`.
    """
    X = dataset.train.features / dataset.spec.value_range[1]
    center = X.mean(axis=0)
    X = np.column_stack([X - center, np.ones(len(X))])
    targets = np.eye(dataset.spec.n_classes)[dataset.train.labels]
    steps = -(-len(X) // recipe.batch_size)
    every = steps if recipe.sync_every == "epoch" else recipe.sync_every
    # Each worker's weights, its velocity, and the mean of its last weights.
    states = np.zeros((n_workers, 3, X.shape[1], dataset.spec.n_classes))
    first_averaged = round(recipe.epochs * steps * (1 - recipe.averaging))
    seen = np.zeros(n_workers)
    for epoch in range(recipe.epochs):
        rows_of = [batches(epoch, worker) for worker in range(n_workers)]
        for step in range(steps):
            number = epoch * steps + step
            rate = rate_at(recipe, number, steps, recipe.epochs * steps)
            for i, (theta, velocity, tail) in enumerate(states):
                rows = rows_of[i][step]
                error = scipy.special.softmax(X[rows] @ theta, axis=1) - targets[rows]
                gradient = X[rows].T @ error / max(1, len(rows))
                gradient[:-1] += recipe.l2 * theta[:-1]
                velocity[:] = recipe.momentum * velocity - rate * gradient
                theta += velocity
                if number >= first_averaged:
                    tail += (theta - tail) / (number - first_averaged + 1)
                seen[i] += len(rows)
            if (step + 1) % every == 0 or step + 1 == steps:
                states[:] = np.einsum("i,ijkl->jkl", seen / seen.sum(), states)
                seen[:] = 0
    theta = states[0, 2 if recipe.averaging else 0]
    theta[-1] -= center @ theta[:-1]
    return theta
