"""Who runs: each trains softmax regression its own way, on the task it is given.

A competitor holds the data in the form it likes best; bringing it there is not timed.
`epoch` trains once over all rows, in the task's order where the competitor can be told it;
`weights` gives W ``[n_features, n_classes]`` and b, so that all are judged by one ruler.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from task import Task

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Weights = tuple[np.ndarray, np.ndarray]


class Competitor:
    """What the worker asks of each; `libraries` are those whose versions are recorded."""

    libraries: tuple[str, ...] = ()

    def __init__(self, task: Task):
        self.task = task

    def epoch(self, epoch: int) -> float:
        """Trains one epoch; returns the seconds that count."""
        raise NotImplementedError

    def weights(self) -> Weights:
        raise NotImplementedError

    def scaled(self) -> tuple[np.ndarray, np.ndarray]:
        """Training pixels as float32 in [0, 1], and int labels."""
        features = self.task.array("train-features").astype(np.float32)
        features /= 255
        return features, np.array(self.task.array("train-labels"))


class Ours(Competitor):
    libraries = ("tfsoftmax", "tensorflow")

    def __init__(self, task: Task):
        super().__init__(task)
        from tfsoftmax.system.startup import import_tensorflow

        import_tensorflow()
        from tfsoftmax import Dataset, Recipe, Spec, Split

        names = tuple(str(index) for index in range(task.n_classes))
        train, test = (
            Split(task.array(f"{part}-features"), task.array(f"{part}-labels"))
            for part in ("train", "test")
        )
        spec = Spec(train.features.shape[1:], "uint8", names, (0, 255))
        self.dataset = Dataset("benchmark", spec, train, test)
        self.recipe = Recipe(
            epochs=task.epochs,
            batch_size=task.batch_size,
            learning_rate=task.learning_rate,
            # The steps that all competitors take, on features as they are.
            l2=0.0,
            center=False,
            schedule="cosine" if task.cosine else "constant",
            memory_limit=task.memory_limit,
        )
        self.trainer: Any = None

    def epoch(self, epoch: int) -> float:
        if self.trainer is None:
            from tfsoftmax import SoftmaxRegression
            from tfsoftmax.training.prepare import resolve
            from tfsoftmax.training.trainer import Trainer

            model = SoftmaxRegression(self.dataset.spec)
            recipe = resolve(self.recipe, self.dataset)
            self.trainer = Trainer(model, self.dataset.train, recipe)
        return _seconds(lambda: self.trainer.run_epoch(epoch))

    def evaluation(self) -> float:
        """Seconds to evaluate on all training and test rows, as after every epoch."""
        from tfsoftmax import evaluate

        model, train, test = self.trainer.model, self.trainer.feed.rows, self.dataset.test
        return _seconds(lambda: (evaluate(model, train), evaluate(model, test)))

    def weights(self) -> Weights:
        model = self.trainer.model
        return model.W.numpy(), model.b.numpy()

    def curve(self) -> list[tuple[float, float]]:
        """(seconds of training, test log-loss) after each epoch of `fit`."""
        from tfsoftmax import fit

        history = fit(self.dataset, self.recipe).history
        seconds = itertools.accumulate(metrics.train_seconds for metrics in history.epochs)
        losses = (metrics.test_log_loss for metrics in history.epochs)
        return list(zip(seconds, losses, strict=True))


class KerasFit(Competitor):
    libraries = ("keras", "tensorflow")

    def __init__(self, task: Task):
        super().__init__(task)
        import keras

        rate: Any = task.learning_rate
        if task.cosine:
            rate = keras.optimizers.schedules.CosineDecay(rate, task.epochs * task.steps)
        self.features, self.labels = self.scaled()
        self.model = keras.Sequential(
            [
                keras.Input((self.features.shape[1],)),
                keras.layers.Dense(task.n_classes, kernel_initializer="zeros"),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.SGD(rate), loss)

    def epoch(self, epoch: int) -> float:
        order = self.task.order(epoch)
        x, y = self.features[order], self.labels[order]
        size = self.task.batch_size
        return _seconds(lambda: self.model.fit(x, y, batch_size=size, shuffle=False, verbose=0))

    def weights(self) -> Weights:
        W, b = self.model.get_weights()
        return W, b


class TorchTensors(Competitor):
    libraries = ("torch",)

    def __init__(self, task: Task):
        super().__init__(task)
        import torch

        self.torch = torch
        features, labels = self.scaled()
        self.features, self.labels = torch.from_numpy(features), torch.from_numpy(labels).long()
        self.W = torch.zeros((features.shape[1], task.n_classes), requires_grad=True)
        self.b = torch.zeros(task.n_classes, requires_grad=True)
        self.optimizer = torch.optim.SGD([self.W, self.b], lr=task.learning_rate)

    def batches(self, epoch: int) -> Any:
        order = self.torch.from_numpy(self.task.order(epoch))
        for rows in order.split(self.task.batch_size):
            yield self.features[rows], self.labels[rows]

    def epoch(self, epoch: int) -> float:
        batches, rates = self.batches(epoch), self.task.rates(epoch)

        def train() -> None:
            for (x, y), rate in zip(batches, rates, strict=True):
                self.optimizer.param_groups[0]["lr"] = rate
                self.optimizer.zero_grad()
                loss = self.torch.nn.functional.cross_entropy(x @ self.W + self.b, y)
                loss.backward()
                self.optimizer.step()

        return _seconds(train)

    def weights(self) -> Weights:
        return self.W.detach().numpy(), self.b.detach().numpy()


class TorchDataLoader(TorchTensors):
    def batches(self, epoch: int) -> Any:
        data = self.torch.utils.data
        return data.DataLoader(
            data.TensorDataset(self.features, self.labels),
            batch_size=self.task.batch_size,
            sampler=self.task.order(epoch).tolist(),
        )


class JaxScan(Competitor):
    libraries = ("jax",)

    def __init__(self, task: Task):
        super().__init__(task)
        import jax
        import jax.numpy as jnp

        self.jnp = jnp
        # Bytes, scaled in the loop: on two cores faster than float32 prepared beforehand.
        features = jnp.asarray(task.array("train-features"))
        labels = jnp.asarray(task.array("train-labels"))
        size = task.batch_size
        n_samples = len(labels)
        shape = (features.shape[1], task.n_classes)
        self.parameters = jnp.zeros(shape), jnp.zeros(shape[1:])

        def loss(parameters: Any, rows: Any, weight: Any) -> Any:
            W, b = parameters
            logits = features[rows].astype(jnp.float32) / 255 @ W + b
            chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[rows][:, None], axis=1)
            return -(chosen[:, 0] * weight).sum() / weight.sum()

        def step(parameters: Any, inputs: Any) -> Any:
            rows, rate, first = inputs
            weight = (first + jnp.arange(size) < n_samples).astype(jnp.float32)
            value, gradients = jax.value_and_grad(loss)(parameters, rows, weight)
            moved = jax.tree.map(lambda p, g: p - rate * g, parameters, gradients)
            return moved, value

        self.run = jax.jit(
            lambda parameters, *inputs: jax.lax.scan(step, parameters, inputs), donate_argnums=0
        )

    def epoch(self, epoch: int) -> float:
        steps, size = self.task.steps, self.task.batch_size
        order = np.zeros(steps * size, np.int32)
        rows = self.task.order(epoch)
        order[: len(rows)] = rows
        rates = self.task.rates(epoch).astype(np.float32)

        def train() -> None:
            batches = self.jnp.asarray(order.reshape(steps, size))
            first = self.jnp.arange(steps) * size
            self.parameters, losses = self.run(
                self.parameters, batches, self.jnp.asarray(rates), first
            )
            losses.block_until_ready()

        return _seconds(train)

    def weights(self) -> Weights:
        W, b = (np.asarray(parameter) for parameter in self.parameters)
        return W, b


class NumpyByHand(Competitor):
    libraries = ("numpy",)

    def __init__(self, task: Task):
        super().__init__(task)
        self.features, self.labels = self.scaled()
        self.W = np.zeros((self.features.shape[1], task.n_classes), np.float32)
        self.b = np.zeros(task.n_classes, np.float32)

    def epoch(self, epoch: int) -> float:
        order, size = self.task.order(epoch), self.task.batch_size
        rates = self.task.rates(epoch).astype(np.float32)

        def train() -> None:
            W, b = self.W, self.b
            for step, rate in enumerate(rates):
                rows = order[step * size : (step + 1) * size]
                x, y = self.features[rows], self.labels[rows]
                logits = x @ W + b
                logits -= logits.max(axis=1, keepdims=True)
                np.exp(logits, out=logits)
                logits /= logits.sum(axis=1, keepdims=True)
                logits[np.arange(len(rows)), y] -= 1
                logits *= rate / len(rows)
                W -= x.T @ logits
                b -= logits.sum(axis=0)

        return _seconds(train)

    def weights(self) -> Weights:
        return self.W, self.b


class SklearnSGD(Competitor):
    """One row a step, one class against the rest: another algorithm, its own step size."""

    libraries = ("scikit-learn",)

    def __init__(self, task: Task):
        super().__init__(task)
        from sklearn.linear_model import SGDClassifier

        self.features, self.labels = self.scaled()
        self.model = SGDClassifier(loss="log_loss", n_jobs=-1)

    def epoch(self, epoch: int) -> float:
        order = self.task.order(epoch)
        x, y = self.features[order], self.labels[order]
        classes = np.arange(self.task.n_classes)
        return _seconds(lambda: self.model.partial_fit(x, y, classes))

    def weights(self) -> Weights:
        return self.model.coef_.T, self.model.intercept_

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(x)


class SklearnLbfgs(Competitor):
    """The whole solver; its unit is an iteration, `task.epochs` of them."""

    libraries = ("scikit-learn",)

    def __init__(self, task: Task):
        super().__init__(task)
        from sklearn.linear_model import LogisticRegression

        self.features, self.labels = self.scaled()
        self.model = LogisticRegression(max_iter=task.epochs)

    def epoch(self, epoch: int) -> float:
        import warnings

        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return _seconds(lambda: self.model.fit(self.features, self.labels))

    def weights(self) -> Weights:
        return self.model.coef_.T, self.model.intercept_


class BareMatmuls(Competitor):
    """The floor: a step's two matrix products in NumPy, on float32 rows as they lie."""

    libraries = ("numpy",)

    def __init__(self, task: Task):
        super().__init__(task)
        self.features, self.labels = self.scaled()
        self.W = np.full((self.features.shape[1], task.n_classes), 1e-3, np.float32)
        self.errors = np.full((task.batch_size, task.n_classes), 1e-3, np.float32)

    def epoch(self, epoch: int) -> float:
        size, n_samples = self.task.batch_size, len(self.labels)
        W, errors = self.W, self.errors
        logits, gradients = np.empty_like(errors), np.empty_like(W)

        def multiply() -> None:
            for first in range(0, n_samples, size):
                x = self.features[first : first + size]
                np.matmul(x, W, out=logits[: len(x)])
                np.matmul(x.T, errors[: len(x)], out=gradients)

        return _seconds(multiply)

    def weights(self) -> Weights:
        return np.zeros_like(self.W), np.zeros(self.task.n_classes, np.float32)


COMPETITORS: dict[str, type[Competitor]] = {
    "tfsoftmax": Ours,
    "Keras fit": KerasFit,
    "PyTorch, tensors": TorchTensors,
    "PyTorch, DataLoader": TorchDataLoader,
    "JAX scan": JaxScan,
    "NumPy by hand": NumpyByHand,
    "scikit-learn SGDClassifier": SklearnSGD,
    "scikit-learn lbfgs": SklearnLbfgs,
    "the two bare matmuls": BareMatmuls,
}


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
