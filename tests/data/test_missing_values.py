"""Missing values reach the model, which fills them in."""

import numpy as np
import pytest
from support.data_files import FRAME, NUMBERS, TEXTS, csv, npz, rows_of

from tfsoftmax import RECIPES, DataError, SourceOptions, fit, from_frame, load_dataset


def test_missing_values_are_the_training_rows_mean_for_the_model(tmp_path):
    numbers = NUMBERS.copy()
    numbers[::4, 1] = np.nan
    frame = FRAME.assign(width=numbers[:, 1])
    options = SourceOptions(missing="mean")
    path = tmp_path / "frame"
    path.mkdir()
    frame.to_parquet(path / "t.parquet")
    for dataset in (
        load_dataset(csv(tmp_path, frame=frame), options=options),
        load_dataset(f"parquet:{path}", options=options),
        load_dataset(npz(tmp_path, features=numbers, labels=TEXTS.astype(str)), options=options),
        load_dataset(
            csv(tmp_path, frame=frame),
            options=options.but(memory_limit=100),
            data_dir=tmp_path / "kept",
        ),
        from_frame(frame, options=options),
    ):
        assert dataset.spec.missing
        np.testing.assert_array_equal(rows_of(dataset)[0], numbers)
    model, _ = fit(dataset, RECIPES["default"].but(epochs=2, xla=False))
    filled = numbers.copy()
    filled[::4, 1] = np.nanmean(dataset.train.features[:, 1], dtype=np.float64)
    np.testing.assert_allclose(model.logits(numbers), model.logits(filled), rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match="row 1, column 'width': the value is missing"):
        load_dataset(csv(tmp_path, frame=frame))


def test_of_a_column_without_values_only_leaving_it_out_is_advised(tmp_path):
    frame = FRAME.assign(width=np.nan)
    message = f"'width': all values are missing from row 1 to {len(frame)}; leave it out with drop="
    with pytest.raises(DataError, match=message):
        load_dataset(csv(tmp_path, frame=frame))
    options = SourceOptions(drop=("width",))
    assert (
        "width" not in load_dataset(csv(tmp_path, frame=frame), options=options).spec.feature_names
    )


def test_missing_values_of_sparse_rows(tmp_path):
    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{n % 2} 1:{n} 2:{'nan' if n == 3 else n}\n" for n in range(10)))
    dataset = load_dataset(f"svmlight:{path}", options=SourceOptions(missing="mean"))
    assert np.argwhere(np.isnan(rows_of(dataset)[0])).tolist() == [[3, 1]]
