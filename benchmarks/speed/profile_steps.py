"""Where an epoch's time goes: compiled loops that each do one thing more than the last.

profile_steps.py TASK_JSON prints the seconds of each, as JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from competitors import Ours
from task import Task

from tfsoftmax import SoftmaxRegression, ops
from tfsoftmax.training.trainer import Trainer

ROUNDS = 15
PARTS = ("nothing", "rows gathered, scaled and read once", "logits", "loss", "gradients and update")


def loop_with(parts: int, trainer: Trainer) -> Callable[..., tf.Tensor]:
    """The training loop up to the part of this number; what it skips it does not compute."""
    model = trainer.model

    @tf.function(jit_compile=True, autograph=False)
    def run(features: tf.Tensor, labels: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
        def step(index: tf.Tensor, losses: tf.Tensor, W: tf.Tensor, b: tf.Tensor) -> Any:
            mean = tf.cast(index, tf.float32)
            if parts >= 1:
                inputs = model.scaled(tf.gather(features, order[index]))
                targets = tf.gather(labels, order[index])
            if parts == 1:
                mean = tf.reduce_sum(tf.matmul(W[:1], inputs, transpose_b=True))
            if parts >= 2:
                with tf.GradientTape() as tape:
                    tape.watch([W, b])
                    logits = tf.matmul(W, inputs, transpose_b=True) + b[:, None]
                    mean = tf.reduce_sum(logits)
                    if parts >= 3:
                        mean = tf.reduce_mean(ops.cross_entropy(logits, targets, axis=0))
            if parts >= 4:
                gradients = tape.gradient(mean, [W, b])
                W, b = W - 0.01 * gradients[0], b - 0.01 * gradients[1]
            return index + 1, tf.tensor_scatter_nd_update(losses, [[index]], [mean]), W, b

        steps = order.shape[0]
        start = (0, tf.zeros(steps), tf.transpose(model.W), model.b.read_value())
        return tf.while_loop(lambda index, *_: index < steps, step, start)[1:]

    return run


def main() -> None:
    ours = Ours(Task.from_json(sys.argv[1]))
    model = SoftmaxRegression(ours.dataset.spec)
    trainer = Trainer(model, ours.dataset.train, ours.recipe)
    chunk = next(trainer.feed.epoch(0))
    order = tf.constant(chunk.order)
    epochs = itertools.count()
    runs: dict[str, Callable[[], Any]] = {"a whole epoch": lambda: trainer.run_epoch(next(epochs))}
    for number, part in enumerate(PARTS):
        loop = loop_with(number, trainer)
        runs[part] = lambda loop=loop: [
            value.numpy() for value in loop(chunk.features, chunk.labels, order)
        ]
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(1 + ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    print(json.dumps({name: min(values) for name, values in seconds.items()}))


main()
