"""What Python is given by mistake is answered by one clear line."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tfsoftmax import (
    Recipe,
    SoftmaxClassifier,
    SourceOptions,
    UsageError,
    evaluate,
    export_model,
    fit,
    from_arrays,
    from_frame,
    from_sklearn,
    from_tf_data,
    load_dataset,
    tune,
)


@pytest.mark.parametrize("options", [{}, {"label_column": "y"}, "label_column"])
def test_options_are_source_options(options):
    rows = np.eye(10, dtype=np.float32)
    frame = pd.DataFrame({"x": range(10), "label": [0, 1] * 5})
    for make in (
        lambda: load_dataset("digits", options=options),
        lambda: from_frame(frame, options=options),
        lambda: from_arrays(rows, [0, 1] * 5, options=options),
    ):
        with pytest.raises(UsageError, match="options must be SourceOptions, .* not a (dict|str)$"):
            make()


def test_options_of_tf_data_are_source_options():
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((np.eye(10), [0, 1] * 5))
    with pytest.raises(UsageError, match="options must be SourceOptions"):
        from_tf_data(pairs, options={"test_fraction": 0.5})


def test_a_frame_is_a_table():
    with pytest.raises(UsageError, match=r"a table .*not a ndarray; from_arrays\(X, y\) takes"):
        from_frame(np.eye(3))
    mixed = np.zeros(10, [("x", "f4"), ("label", "i4")])
    mixed["label"][::2] = 1
    assert from_frame(mixed).spec.feature_names == ("x",)


def test_a_path_is_no_model_to_start_from(made, tmp_path):
    with pytest.raises(UsageError, match=r"start must be a model in memory, not a str; load_pre"):
        fit(made, Recipe(epochs=1), start="models/flowers/1")


def test_an_estimator_has_a_model(tmp_path):
    rows, labels = np.arange(6.0)[:, None], [0, 1] * 3
    estimator = SoftmaxClassifier().fit(rows, labels)
    for take in (
        lambda model: evaluate(model, (rows, labels)),
        lambda model: export_model(model, tmp_path, "tiny", check_on=rows, formats=()),
    ):
        with pytest.raises(UsageError, match="not a SoftmaxClassifier: give its model_$"):
            take(estimator)
        take(estimator.model_)
        with pytest.raises(UsageError, match="expected a SoftmaxRegression, not a str$"):
            take("model")


def test_a_path_is_nothing_to_convert(tmp_path):
    fitted = LogisticRegression().fit(np.arange(6.0)[:, None], [0, 1] * 3)
    file = tmp_path / "a.joblib"
    joblib.dump(fitted, file)
    for path in (file, str(file)):
        with pytest.raises(UsageError, match=r"not a path.*joblib\.load.*'tfsoftmax convert'"):
            from_sklearn(path)
    assert from_sklearn(joblib.load(file)).spec.n_classes == 2


def test_one_format_is_a_name(made, tmp_path):
    model, _ = fit(made, Recipe(epochs=1, l2=0.01))
    path = export_model(model, tmp_path, "m", check_on=made.test.features, formats="micro").path
    assert [file.name for file in path.glob("*.tflite")] == ["model-micro.tflite"]
    with pytest.raises(UsageError, match=r"int8 needs .*; give them with calibrate_on$"):
        export_model(model, tmp_path, "m", check_on=made.test.features, formats="int8")
    assert not (tmp_path / "m" / "2").exists()


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"patience": 3}, r'patience has no effect without early_stopping="log_loss"'),
        ({"min_delta": 0.1}, "min_delta has no effect without early_stopping"),
        ({"decay": 0.9}, r'decay has no effect without schedule="step"'),
        ({"decay_epochs": 2, "schedule": "constant"}, "decay_epochs has no effect without sched"),
    ],
)
def test_choices_without_an_effect_are_refused(choices, said):
    with pytest.raises(UsageError, match=said):
        Recipe(**choices)


def test_tune_leaves_early_stopping_to_the_last_fit(made):
    recipe = Recipe(epochs=1, early_stopping="log_loss", patience=2)
    best = tune(made, recipe, l2=[0.1], folds=2).best
    assert (best.early_stopping, best.patience) == ("log_loss", 2)


def test_options_by_name_are_taken():
    assert load_dataset("digits", options=SourceOptions(memory_limit=10**9)).name == "digits"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SourceOptions(label_colum="y"), "SourceOptions has no 'label_colum'; did you mean "
         "'label_column'"),
        (lambda: Recipe(epoch=5), "Recipe has no 'epoch'; did you mean 'epochs'"),
        (lambda: from_frame(None, label_column="y"), r"from_frame has no 'label_column'; did you "
         r"mean options=SourceOptions\(label_column=\.\.\.\)\? it has frame, name, options"),
        (lambda: from_frame(None, label_colum="y"), r"SourceOptions\(label_column=\.\.\.\)\?"),
        (lambda: from_arrays(None, None, sample_weights=1), r"did you mean sample_weight=\.\.\.\?"),
        (lambda: load_dataset("digits", test_fraction=0.5), r"SourceOptions\(test_fraction="),
        (lambda: from_tf_data(None, option=None), r"from_tf_data has no 'option'; did you mean"),
        (lambda: fit(None, epochs=5), r"fit has no 'epochs'; did you mean recipe=Recipe\(epochs="),
        (lambda: tune(None, momentum=5), r"tune has no 'momentum'; did you mean recipe=Recipe\(mo"),
        (lambda: fit(None, zzz=5), r"fit has no 'zzz'; it has dataset, recipe, start"),
    ],
)  # fmt: skip
def test_a_wrong_keyword_is_answered_by_the_one_that_was_meant(call, message):
    with pytest.raises(UsageError, match=message):
        call()
