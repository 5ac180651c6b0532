"""svmlight files, as scikit-learn reads them."""

import numpy as np
from support.data_files import rows_of

from tfsoftmax import load_dataset


def test_sparse_rows_are_as_scikit_learn_reads_them(tmp_path):
    from sklearn.datasets import load_svmlight_file

    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{n % 2} qid:1 1:{n} {n % 7 + 2}:1.5 # note\n" for n in range(30)))
    expected, labels = load_svmlight_file(str(path))
    features, names = rows_of(load_dataset(f"svmlight:{path}"))
    np.testing.assert_array_equal(features, expected.toarray())
    np.testing.assert_array_equal(names, labels.astype(int).astype(str))
