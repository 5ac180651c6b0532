from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from support.datasets import make_dataset
from support.marks import slow, slow_but
from support.numpy_run import numpy_run
from support.process import run_python

from tfsoftmax import (
    RECIPES,
    DivergenceError,
    Recipe,
    SoftmaxRegression,
    Split,
    UsageError,
    fit,
    ops,
)
from tfsoftmax.data.split import with_validation
from tfsoftmax.training.build import start_of
from tfsoftmax.training.prepare import resolve
from tfsoftmax.training.sgd import loop
from tfsoftmax.training.trainer import Trainer

# Choosing an l2 takes longer than these epochs.
DEFAULT = RECIPES["default"].but(l2=0.0007)


def weights(model):
    return np.concatenate([model.W.numpy(), model.b.numpy()[None]])


def test_gradients_equal_the_closed_form_and_central_differences():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(20, 5))
    labels = generator.integers(4, size=20)
    W, b = generator.normal(size=(5, 4)), generator.normal(size=4)

    def mean_loss(W, b):
        return tf.reduce_mean(ops.cross_entropy(X @ W + b, tf.constant(labels, tf.int32)))

    variables = tf.Variable(W), tf.Variable(b)
    with tf.GradientTape() as tape:
        loss = mean_loss(*variables)
    dW, db = (gradient.numpy() for gradient in tape.gradient(loss, variables))

    error = scipy.special.softmax(X @ W + b, axis=1) - np.eye(4)[labels]
    np.testing.assert_allclose(dW, X.T @ error / 20, atol=1e-14)
    np.testing.assert_allclose(db, error.sum(axis=0) / 20, atol=1e-14)

    h = 1e-6
    for index in np.ndindex(W.shape):
        shift = np.zeros_like(W)
        shift[index] = h
        slope = (mean_loss(W + shift, b) - mean_loss(W - shift, b)) / (2 * h)
        assert float(slope) == pytest.approx(dW[index], abs=1e-8)


def test_one_step_equals_keras_sgd_on_a_dense_layer():
    dataset = make_dataset(n_train=32)
    recipe = Recipe(
        epochs=1,
        batch_size=32,
        learning_rate=0.7,
        l2=0.0,
        center=False,
        initializer="normal",
        seed=5,
    )
    start = start_of(dataset.spec, recipe)
    layer = tf.keras.layers.Dense(3)
    layer.build((None, 6))
    layer.set_weights([start.W.numpy(), start.b.numpy()])
    with tf.GradientTape() as tape:
        losses = tf.keras.losses.sparse_categorical_crossentropy(
            dataset.train.labels, layer(dataset.train.features), from_logits=True
        )
        loss = tf.reduce_mean(losses)
    optimizer = tf.keras.optimizers.SGD(learning_rate=0.7)
    gradients = tape.gradient(loss, layer.trainable_variables)
    optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))

    model, _ = fit(dataset, recipe)
    np.testing.assert_allclose(model.W, layer.get_weights()[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.b, layer.get_weights()[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize("xla", [True, False])
def test_a_run_equals_an_independent_float64_one(digits, name, xla):
    # 1,437 rows in batches of 100: the last batch of every epoch has 37.
    recipe = RECIPES[name].but(epochs=4, batch_size=100, seed=2, xla=xla)
    recipe = resolve(recipe, digits)
    model, _ = fit(digits, recipe)
    np.testing.assert_allclose(weights(model), numpy_run(digits, recipe).weights, atol=2e-5)


OPTIONS = {
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "averaging": {"averaging": 0.4, "schedule": "constant"},
    "momentum, averaged": {"momentum": 0.8, "averaging": 0.5},
    "clipping": {"clip_norm": 0.05},
    "step": {"schedule": "step", "decay": 0.4, "decay_epochs": 2},
    "exponential": {"schedule": "exponential", "decay": 0.6, "decay_epochs": 1.5},
    "inverse": {"schedule": "inverse", "decay": 0.75, "decay_epochs": 0.5},
    "warm-up": {"warmup_epochs": 1.5},
    "warm-up, inverse": {"warmup_epochs": 0.3, "schedule": "inverse"},
    "l2": {"l2": 0.05},
    "l1": {"l1": 0.003},
    "elastic net, momentum": {"l1": 0.003, "l2": 0.01, "momentum": 0.8},
    "elastic net, nesterov": {"l1": 0.003, "l2": 0.01, "momentum": 0.8, "nesterov": True},
    "smoothing": {"label_smoothing": 0.2},
    "balanced": {"class_weight": "balanced"},
    "a table": {"class_weight": {"class 0": 3.0, "class 2": 0.0}},
    "on the sum": {"loss_reduction": "sum", "learning_rate": 0.01, "l2": 0.05, "l1": 0.01},
    "all at once": {
        "momentum": 0.7,
        "nesterov": True,
        "averaging": 0.3,
        "clip_norm": 0.3,
        "l2": 0.01,
        "label_smoothing": 0.1,
        "class_weight": "balanced",
        "warmup_epochs": 1.0,
    },
}


QUICK_OPTIONS = ("nesterov", "averaging", "inverse", "l1", "balanced", "on the sum", "all at once")


@pytest.mark.parametrize("name", slow_but(QUICK_OPTIONS, OPTIONS))
def test_200_steps_of_every_option_equal_an_independent_float64_run(name):
    dataset = make_dataset(n_train=157)
    recipe = Recipe(epochs=20, batch_size=16, learning_rate=0.1, initializer="normal", l2=1e-3)
    recipe = recipe.but(**OPTIONS[name])
    model, history = fit(dataset, recipe)
    assert history.last.steps == 200
    np.testing.assert_allclose(
        weights(model), numpy_run(dataset, history.recipe).weights, atol=1e-5
    )


def test_row_weights_equal_an_independent_run_and_repeated_rows():
    dataset = make_dataset(n_train=60)
    counts = np.random.default_rng(1).integers(0, 4, size=60)
    weighted = replace(dataset, train=replace(dataset.train, weights=counts.astype(np.float32) * 7))
    recipe = Recipe(
        epochs=20,
        batch_size=1000,
        schedule="constant",
        learning_rate=0.5,
        l2=0.01,
        standardize="off",
    )
    found = weights(fit(weighted, recipe).model)
    np.testing.assert_allclose(found, numpy_run(weighted, recipe).weights, atol=1e-5)
    repeated = Split(
        np.repeat(dataset.train.features, counts, axis=0), np.repeat(dataset.train.labels, counts)
    )
    again = weights(fit(replace(dataset, train=repeated), recipe).model)
    np.testing.assert_allclose(found, again, atol=1e-5)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "balanced_accuracy", "macro_f1"])
def test_early_stopping_stops_where_an_independent_run_does(metric):
    dataset = with_validation(make_dataset(n_train=200, seed=4), 0.5)
    recipe = Recipe(
        epochs=60, batch_size=10, learning_rate=0.6, early_stopping=metric, patience=4, l2=1e-3
    )
    model, history = fit(dataset, recipe)
    expected = numpy_run(dataset, recipe)
    figures = [getattr(evaluation, metric) for evaluation in expected.evaluations]
    signed = np.array(figures) if metric == "log_loss" else -np.array(figures)
    stop = next(e for e in range(4, 60) if signed[e - 3 : e + 1].min() >= signed[: e - 3].min())
    assert len(history.epochs) == stop + 1 < 60
    assert history.best_epoch == int(signed[: stop + 1].argmin()) + 1
    assert history.kept.epoch == history.best_epoch
    best = expected.epochs[history.best_epoch - 1]
    np.testing.assert_allclose(weights(model), best, atol=1e-5)


def test_early_stopping_holds_out_rows_and_never_looks_at_the_test_rows(digits):
    recipe = DEFAULT.but(epochs=40, early_stopping="log_loss", patience=2)
    _, history = fit(digits, recipe)
    assert history.last.steps // len(history.epochs) == -(-int(1437 * 0.9) // 64)
    assert history.last.validation_log_loss is not None
    scrambled = Split(digits.test.features, digits.test.labels[::-1].copy())
    _, again = fit(replace(digits, test=scrambled), recipe)
    assert [e.validation_log_loss for e in again.epochs] == [
        e.validation_log_loss for e in history.epochs
    ]


@pytest.mark.parametrize("n_train", [1, slow(7), slow(8), 9])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_short_batch_is_neither_dropped_nor_mis_weighted(n_train, reduction):
    dataset = make_dataset(n_train=n_train)
    recipe = Recipe(
        epochs=3,
        batch_size=8,
        learning_rate=0.1,
        loss_reduction=reduction,
        standardize="off",
        l2=1e-3,
    )
    model, history = fit(dataset, recipe)
    np.testing.assert_allclose(weights(model), numpy_run(dataset, recipe).weights, atol=1e-6)
    assert history.last.steps == 3 * -(-n_train // 8)


def test_a_batch_larger_than_the_data_costs_no_more_than_the_data(made):
    recipe = Recipe(epochs=3, batch_size=10**9, l2=1e-3)
    whole = weights(fit(made, recipe).model)
    np.testing.assert_array_equal(whole, weights(fit(made, recipe.but(batch_size=50)).model))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(digits):
    recipe = RECIPES["tutorial"].but(epochs=2)
    first, again = (weights(fit(digits, recipe).model).tobytes() for _ in range(2))
    other = weights(fit(digits, recipe.but(seed=1)).model).tobytes()
    assert first == again != other


def test_one_trace_serves_the_whole_run(digits, monkeypatch):
    # So little a call that an epoch takes several, the last of them shorter.
    monkeypatch.setattr(loop, "MULTIPLICATIONS_A_CALL", 64 * 640 * 7)
    recipe = resolve(DEFAULT.but(learning_rate=0.5), digits)
    trainer = Trainer(SoftmaxRegression(digits.spec), digits.train, recipe)
    seen = []
    for epoch in range(3):
        trainer.run_epoch(epoch, seen.append)
    assert trainer.loop._run_steps.experimental_get_tracing_count() == 1
    assert [progress.step for progress in seen[:5]] == [7, 14, 21, 23, 30]
    assert seen[-1].step == 3 * 23


def test_short_calls_train_the_same_model(digits, monkeypatch):
    recipe = DEFAULT.but(epochs=2)
    whole = weights(fit(digits, recipe).model)
    monkeypatch.setattr(loop, "MULTIPLICATIONS_A_CALL", 64 * 640 * 7)
    np.testing.assert_array_equal(weights(fit(digits, recipe).model), whole)


def test_history_holds_what_was_measured(digits):
    epochs = []
    model, history = fit(digits, DEFAULT.but(epochs=3), on_epoch=epochs.append)
    assert history.epochs == epochs
    assert [metrics.epoch for metrics in epochs] == [1, 2, 3]
    last = history.last
    probabilities = model.probabilities(digits.test.features).numpy()
    assert last.test_accuracy == np.mean(probabilities.argmax(axis=1) == digits.test.labels)
    chosen = probabilities[np.arange(len(digits.test)), digits.test.labels]
    assert last.test_log_loss == pytest.approx(-np.log(chosen).mean(), rel=1e-5)
    assert last.train_accuracy > 0.9
    assert history.to_json()[-1]["seconds"] == last.train_seconds + last.evaluation_seconds


def test_an_open_number_of_epochs_is_settled_by_the_rows():
    _, history = fit(make_dataset(n_train=1000), Recipe(batch_size=25, l2=1e-3))
    assert (len(history.epochs), history.last.steps) == (38, 1520)  # 1,500 steps and no half epoch


def test_divergence_is_caught_and_its_step_named(digits):
    with pytest.raises(DivergenceError, match="step 2 .epoch 1.*try a smaller one") as caught:
        fit(digits, DEFAULT.but(learning_rate=3e38, l2=0.0))
    assert (caught.value.epoch, caught.value.step) == (1, 2)


def test_divergence_in_the_very_last_step_is_caught():
    dataset = make_dataset(n_train=4)
    dataset.train.features[:] *= 1e4
    with pytest.raises(DivergenceError, match="step 1 .epoch 1"):
        fit(
            dataset,
            Recipe(epochs=1, batch_size=4, learning_rate=3e38, l2=0.0, standardize="off"),
        )


def test_without_xla_the_plain_graph_takes_over(digits, monkeypatch):
    """A device whose XLA refuses to compile; the refusal is the only thing made up."""
    compile_steps = loop.compile_steps

    @tf.function(autograph=False)
    def refuse(*arguments):
        raise tf.errors.UnimplementedError(None, None, "no XLA on this device")

    def compile_or_refuse(*arguments):
        return refuse if arguments[-1] else compile_steps(*arguments)

    expected = weights(fit(digits, DEFAULT.but(epochs=1, xla=False)).model)
    monkeypatch.setattr(loop, "compile_steps", compile_or_refuse)
    np.testing.assert_array_equal(weights(fit(digits, DEFAULT.but(epochs=1)).model), expected)


@pytest.mark.slow
def test_it_runs_wherever_it_is_placed():
    """On the second of two logical devices, everything, with the same result."""
    script = """
        import sys
        sys.path.insert(0, sys.argv[1])
        from tfsoftmax.system.startup import import_tensorflow
        import_tensorflow()
        import numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from support.datasets import make_dataset
        from tfsoftmax import Recipe, fit
        models = []
        for device in ("CPU:0", "CPU:1"):
            with tf.device(device):
                models.append(fit(make_dataset(), Recipe(epochs=2, l2=1e-3)).model)
            assert models[-1].W.device.endswith(device), models[-1].W.device
        np.testing.assert_array_equal(models[0].W, models[1].W)
    """
    result = run_python(script, str(Path(__file__).parents[1]))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "epochs must be at least 0"),
        ({"batch_size": -1}, "batch_size must be at least 1"),
        ({"learning_rate": float("nan")}, "above 0"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"learning_rate": 1e39}, "below 3.4e\\+38"),
        ({"seed": -1}, "seed"),
        ({"schedule": "zigzag"}, "constant, cosine"),
        ({"momentum": 1.0}, "below 1"),
        ({"nesterov": True}, "form of momentum"),
        ({"averaging": 0.5, "l1": 0.1}, "exclude each other"),
        ({"clip_norm": 0.0}, "above 0"),
        ({"l2": -1.0}, "at least 0"),
        ({"l1": float("inf")}, "below 3.4e\\+38"),
        ({"label_smoothing": 1.0}, "below 1"),
        ({"early_stopping": "loss"}, "log_loss, accuracy"),
        ({"class_weight": "even"}, "'balanced' or a dictionary"),
        ({"class_weight": {"a": -1.0}}, "'a' must be 0 or more"),
        ({"validation_fraction": 1.0}, "below 1"),
        ({"loss_reduction": "max"}, "mean, sum"),
        ({"initializer": "ones"}, "zeros, normal"),
    ],
)
def test_recipes_are_checked(changes, message):
    with pytest.raises(UsageError, match=message):
        DEFAULT.but(**changes)
