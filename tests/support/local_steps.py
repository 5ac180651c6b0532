"""Local steps of several workers, written independently of the package: float64, in one process."""

import numpy as np
import scipy.special

from support.numpy_run import rate_at


def local_steps(dataset, recipe, bounds):
    """The weights ``[n_features + 1, n_classes]``, b last, of plain steps with momentum.

    Args:
      dataset: of pixels.
      recipe: all numbers given, and no options but those that are used here.
      bounds: worker i has the rows from bounds[i] to bounds[i + 1] of the shuffled ones.
    """
    X = dataset.train.features / dataset.spec.value_range[1]
    center = X.mean(axis=0)
    X = np.column_stack([X - center, np.ones(len(X))])
    targets = np.eye(dataset.spec.n_classes)[dataset.train.labels]
    shuffled = np.random.default_rng([recipe.seed, 4]).permutation(len(X))
    shards = [np.sort(shuffled[bounds[i] : bounds[i + 1]]) for i in range(len(bounds) - 1)]
    steps = -(-len(X) // recipe.batch_size)
    every = steps if recipe.sync_every == "epoch" else recipe.sync_every
    # Each worker's weights, its velocity, and the mean of its last weights.
    states = np.zeros((len(shards), 3, X.shape[1], dataset.spec.n_classes))
    first_averaged = round(recipe.epochs * steps * (1 - recipe.averaging))
    seen = np.zeros(len(shards))
    for epoch in range(recipe.epochs):
        orders = [
            shard[np.random.default_rng([recipe.seed, 1, epoch, i]).permutation(len(shard))]
            for i, shard in enumerate(shards)
        ]
        for step in range(steps):
            number = epoch * steps + step
            rate = rate_at(recipe, number, steps, recipe.epochs * steps)
            for i, (order, (theta, velocity, tail)) in enumerate(zip(orders, states, strict=True)):
                rows = order[step * len(order) // steps : (step + 1) * len(order) // steps]
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
