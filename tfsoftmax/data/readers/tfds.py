"""TensorFlow Datasets: what was decoded before is read without importing that package."""

from __future__ import annotations

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.source import Source


def load_tfds(source: Source) -> Dataset:
    """Reads an image-classification dataset of TensorFlow Datasets.

    Args:
      source: its name, where decoded datasets are kept, and the folder of original files.

    Raises:
      UnknownDatasetError: if TensorFlow Datasets does not know the name.
      DataError: if it is neither here nor can be downloaded, or does not hold images of one shape
        with one label each.
    """
    decoded = source.cache.load(source.name, source.name)
    if decoded is not None:
        return decoded
    # Importing TensorFlow Datasets takes longer than all of the reading.
    from tfsoftmax.data.readers.tfds_builder import TfdsSource

    tfds = TfdsSource(source.name, source.cache.data_dir, source.manual_dir, source.bar)
    return tfds.load(source.cache)
