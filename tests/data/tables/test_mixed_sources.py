"""A table is the same as a frame, as CSV and as Parquet, whatever is in its columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfsoftmax import DataError, SourceOptions, from_arrays, from_frame, load_dataset

N = 24
# No text that a CSV file would have as a missing value, and none that is a number.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Nd", "Nl", "No")),
    min_size=2,
    max_size=8,
).map(lambda text: "x" + text.strip().strip("\ufeff"))
SOME = st.one_of(st.none(), TEXT)
NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32))
KINDS = {
    "words": lambda n: st.lists(SOME, min_size=n, max_size=n).filter(any),
    "few": lambda n: st.lists(
        st.sampled_from(["a", "b c", "ü", None]), min_size=n, max_size=n
    ).filter(any),
    "numbers": lambda n: st.lists(NUMBERS, min_size=n, max_size=n),
    "flags": lambda n: st.lists(st.booleans(), min_size=n, max_size=n),
    "answers": lambda n: st.lists(
        st.sampled_from(["yes", "no", None]), min_size=n, max_size=n
    ).filter(any),
    "days": lambda n: st.lists(
        st.dates(pd.Timestamp("1700-01-01").date(), pd.Timestamp("2200-01-01").date()).map(str),
        min_size=n,
        max_size=n,
    ),
    "codes": lambda n: st.lists(st.integers(-99, 99), min_size=n, max_size=n),
}


@st.composite
def frames(draw):
    chosen = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, unique=True))
    columns = {name: draw(KINDS[name](N)) for name in chosen}
    frame = pd.DataFrame({"town": ["Oslo", "Rome", "Rome"] * (N // 3), **columns})
    if "numbers" in frame:
        frame["numbers"] = frame["numbers"].astype(float)
    return frame.assign(label=["u", "v"] * (N // 2))


@pytest.mark.slow
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames())
def test_the_same_table_is_encoded_alike_from_every_source(tmp_path, frame):
    options = SourceOptions(column="codes=category" if "codes" in frame else ())
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", index=False)

    def load(read):
        try:
            return read()
        except DataError as error:
            return str(error).partition(", ")[2]

    expected = load(lambda: from_frame(frame, options=options))
    for name in ("t.csv", "t.parquet"):
        found = load(lambda name=name: load_dataset(tmp_path / name, options=options))
        if isinstance(expected, str):
            assert isinstance(found, str), expected
            continue
        assert found.spec == expected.spec
        assert found.notes == expected.notes
        assert found.sha256() == expected.sha256()


def mixed():
    n = np.arange(N)
    return pd.DataFrame(
        {
            "town": np.array(["Oslo", "Rome", None])[n % 3],
            "size": np.where(n % 5, n / 2, np.nan),
            "when": pd.date_range("2020-01-01", periods=N, freq="31h"),
            "flag": n % 2 == 0,
            "label": np.array(["u", "v"])[n % 2],
        }
    )


def test_a_frame_of_polars_is_as_one_of_pandas():
    polars = pytest.importorskip("polars")
    frame = mixed()
    expected = from_frame(frame)
    columns = frame.astype({"town": object}).replace({"town": {np.nan: None}})
    found = from_frame(polars.DataFrame({name: columns[name].tolist() for name in columns}))
    assert found.spec == expected.spec
    assert found.sha256() == expected.sha256()


def test_texts_of_pandas_of_any_dtype_are_alike():
    frame = mixed()
    expected = from_frame(frame)
    for dtype in ("string", "category", object):
        found = from_frame(frame.astype({"town": dtype}))
        assert found.spec == expected.spec
        assert found.sha256() == expected.sha256()


def test_parts_are_encoded_as_one(tmp_path, monkeypatch):
    frame = pd.concat([mixed()] * 3, ignore_index=True)
    frame.to_csv(tmp_path / "t.csv", index=False)
    expected = load_dataset(tmp_path / "t.csv")
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file.TEXT_ROWS_PER_PART", 5)
    found = load_dataset(tmp_path / "t.csv")
    assert (found.spec, found.notes) == (expected.spec, expected.notes)
    assert found.sha256() == expected.sha256()


def test_codes_keep_their_zeros_in_a_file(tmp_path):
    codes = np.array(["007", "7", "12"])[np.arange(N) % 3]
    (tmp_path / "t.csv").write_text(
        pd.DataFrame({"code": codes, "label": ["u", "v"] * (N // 2)}).to_csv(index=False)
    )
    dataset = load_dataset(tmp_path / "t.csv", options=SourceOptions(column="code=category"))
    assert dataset.spec.encoding.columns[0].vocabulary == ("007", "12", "7")


def test_arrays_are_numbers_and_the_error_says_what_takes_a_table():
    with pytest.raises(DataError, match=r"'town': it is text.*from_frame\(frame, options="):
        from_arrays(mixed()[["town", "size"]], mixed()["label"])


def test_kinds_are_found_in_all_files_of_a_small_table(tmp_path):
    """The first file alone would have towns that all differ."""
    frame = mixed().assign(town=[f"town {n % 8}" for n in range(N)])
    for start in range(0, N, 8):
        frame[start : start + 8].to_parquet(tmp_path / f"part-{start:02}.parquet", index=False)
    assert load_dataset(f"parquet:{tmp_path}").spec == from_frame(frame).spec
    (frame[:8].assign(size="x")).to_parquet(tmp_path / "part-99.parquet", index=False)
    with pytest.raises(DataError, match=r"part-99.parquet, row 1, column 'size': 'x' is not a num"):
        load_dataset(f"parquet:{tmp_path}")
