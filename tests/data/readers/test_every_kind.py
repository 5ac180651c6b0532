"""Every kind of file gives what was written, as pandas, scikit-learn and Pillow have it."""

import numpy as np
import pytest
from support.data_files import FILES, NUMBERS, rows_of

from tfsoftmax import SourceOptions, load_dataset


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("memory_limit", [2**30, 400], ids=["in memory", "spilled"])
def test_what_was_written_is_read(tmp_path, kind, memory_limit):
    write, labels, how = FILES[kind]
    folder = tmp_path / "data"
    folder.mkdir()
    name = write(folder)
    if "compressed" in kind:
        memory_limit *= 10  # they must fit
    options = SourceOptions(**how, memory_limit=memory_limit)
    dataset = load_dataset(name, data_dir=tmp_path / "kept", options=options)
    features, names = rows_of(dataset)
    np.testing.assert_array_equal(features, NUMBERS)
    np.testing.assert_array_equal(names, np.asarray(labels).astype(str))
    assert dataset.spec.example_shape == (3,)
    assert dataset.spec.dtype == "float32"
    assert dataset.name == name
