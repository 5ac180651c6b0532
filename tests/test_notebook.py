"""The notebook of the docs runs in a fresh kernel, and nothing but its results is in its cells."""

import base64
import os
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """All outputs of each cell of code."""
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient, of the extra 'test'")
    pytest.importorskip("ipykernel", reason="needs ipykernel, of the extra 'test'")
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        # As in a notebook that sets nothing.
        patch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path_factory.mktemp("jupyter")))
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        # With it, a kernel would not show what native code writes to standard error.
        environment = {key: os.environ[key] for key in os.environ if key != "PYTEST_CURRENT_TEST"}
        client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3")
        client.execute(env=environment)
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def test_no_log_and_no_warning_is_in_a_cell(outputs):
    streams = [found.text for cell in outputs for found in cell if found.output_type == "stream"]
    assert streams == []


def test_every_object_shows_itself(outputs):
    shown = [found.data for cell in outputs for found in cell if "data" in found]
    html = "".join(data.get("text/html", "") for data in shown)
    for words in ("digits: 8 x 8 uint8", "10 epochs", "SoftmaxRegression", "360 rows", "ROC AUC"):
        assert words in html
    assert "B is better: B's accuracy is" in shown[-1]["text/plain"]


def test_its_plots_are_pictures(outputs):
    pictures = [
        found.data["image/png"]
        for cell in outputs
        for found in cell
        if "image/png" in found.get("data", {})
    ]
    assert len(pictures) == 3
    assert all(base64.b64decode(each).startswith(b"\x89PNG") for each in pictures)
