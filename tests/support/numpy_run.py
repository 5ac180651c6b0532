"""A whole training run, written independently of the package: float64, closed-form gradients."""

from types import SimpleNamespace

import numpy as np
import scipy.special

from tfsoftmax.metrics import Evaluation


def rate_at(recipe, step, steps, total):
    """The learning rate of a step, from the formulas in the recipe's docstring."""
    warmup = round(recipe.warmup_epochs * steps)
    climb = min(1.0, (step + 1) / (warmup + 1))
    step = max(0, step - warmup)
    epochs = step / steps / recipe.decay_epochs
    return (
        climb
        * recipe.learning_rate
        * {
            "constant": 1.0,
            "cosine": (1 + np.cos(np.pi * step / (total - warmup))) / 2,
            "step": recipe.decay ** np.floor(epochs + 1e-9),
            "exponential": recipe.decay**epochs,
            "inverse": (1 + epochs) ** -recipe.decay,
        }[recipe.schedule]
    )


def numpy_run(dataset, recipe):
    """The run's weights ``[n_features + 1, n_classes]``, b last, and each epoch's validation.

    Momentum is Keras's where there is no l1, and FISTA's, with its two sequences of points,
    where there is.
    """
    scale = dataset.spec.value_range[1] if dataset.spec.value_range else 1.0
    X = dataset.train.features.astype(np.float64) / scale
    labels = dataset.train.labels
    n_samples, n_features = X.shape
    n_classes = dataset.spec.n_classes
    theta = np.zeros((n_features + 1, n_classes))
    if recipe.initializer == "normal":
        generator = np.random.default_rng([recipe.seed, 0])
        theta[:-1] = generator.standard_normal(theta[:-1].shape)
        theta[-1] = generator.standard_normal(n_classes)
    targets = np.eye(n_classes)[labels] * (1 - recipe.label_smoothing)
    targets += recipe.label_smoothing / n_classes
    weights = np.ones(n_samples) if dataset.train.weights is None else 1.0 * dataset.train.weights
    if recipe.class_weight == "balanced":
        totals = np.array([weights[labels == k].sum() for k in range(n_classes)])
        weights = weights / totals[labels]
    elif recipe.class_weight:
        names = dataset.spec.class_names
        weights *= [recipe.class_weight.get(names[label], 1.0) for label in labels]
    weights = weights / weights.mean()
    # Around their mean the features are trained on, and the bias is moved there and back.
    center = np.zeros(n_features)
    if recipe.center:
        center = np.average(X, axis=0, weights=weights)
    X = np.column_stack([X - center, np.ones(n_samples)])
    theta[-1] += center @ theta[:-1]
    there = np.eye(n_features + 1)
    there[-1, :-1] = -center
    penalised = np.ones_like(theta)
    penalised[-1] = 0
    steps = -(-n_samples // recipe.batch_size)
    total = recipe.epochs * steps
    velocity, reached = np.zeros_like(theta), theta.copy()
    tail, evaluations, snapshots, step = [], [], [], 0
    for epoch in range(recipe.epochs):
        order = np.random.default_rng([recipe.seed, 1, epoch]).permutation(n_samples)
        for start in range(0, n_samples, recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            error = scipy.special.softmax(X[rows] @ theta, axis=1) - targets[rows]
            gradient = X[rows].T @ (error * weights[rows, None]) / len(rows)
            gradient += recipe.l2_for(n_samples) * penalised * theta
            length = np.linalg.norm(gradient)
            if recipe.clip_norm and length > recipe.clip_norm:
                gradient *= recipe.clip_norm / length
            rate = rate_at(recipe, step, steps, total)
            if recipe.loss_reduction == "sum":
                rate *= len(rows)
            m = recipe.momentum
            if recipe.l1:
                ahead = theta if recipe.nesterov else theta + m * velocity
                moved = ahead - rate * gradient
                limit = rate * recipe.l1 * penalised
                moved = np.sign(moved) * np.maximum(np.abs(moved) - limit, 0)
                velocity, reached = moved - reached, moved
                theta = moved + m * velocity if recipe.nesterov else moved
            else:
                velocity = m * velocity - rate * gradient
                theta = theta + (m * velocity - rate * gradient if recipe.nesterov else velocity)
            if step >= round(total * (1 - recipe.averaging)):
                tail.append(theta)
            step += 1
        snapshots.append(there @ (np.mean(tail, axis=0) if tail else theta))
        if dataset.validation is not None:
            held = dataset.validation
            scores = np.column_stack([held.features / scale, np.ones(len(held))]) @ snapshots[-1]
            losses = -scipy.special.log_softmax(scores, axis=1)[np.arange(len(held)), held.labels]
            evaluations.append(Evaluation.of(held.labels, scores.argmax(1), losses, n_classes))
    return SimpleNamespace(weights=snapshots[-1], epochs=snapshots, evaluations=evaluations)
