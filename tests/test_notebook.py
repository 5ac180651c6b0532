"""The notebook of the docs runs in a fresh kernel, and nothing but its results is in its cells."""

import base64
import os
import re
from html import unescape
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
# Run after the notebook's own cells, in the same kernel.
FURTHER = {
    "off": """
        QUICK = tfsoftmax.Recipe(epochs=10, l2=0.001, xla=False)
        tfsoftmax.fit(dataset, QUICK, progress_bar=False);""",
    "estimator": """
        from sklearn.datasets import load_iris
        SoftmaxClassifier = tfsoftmax.SoftmaxClassifier
        classifier = SoftmaxClassifier(verbose=1).fit(*load_iris(return_X_y=True))""",
    "quiet estimator": "SoftmaxClassifier().fit(*load_iris(return_X_y=True));",
    "wrong": "tfsoftmax.fit(dataset, 'no such recipe')",
    "interrupted": """
        def stop(epoch):
            if epoch.epoch == 2:
                raise KeyboardInterrupt
        tfsoftmax.fit(dataset, QUICK, on_epoch=stop)""",
    "diverging": "tfsoftmax.fit(dataset, QUICK.but(learning_rate=1e30))",
    "broken display": """
        from unittest.mock import patch
        with patch("IPython.display.display", side_effect=OSError("the front end is gone")):
            broken = tfsoftmax.fit(dataset, QUICK)
        len(broken.history.epochs)""",
    "long": """
        from pathlib import Path
        import tfsoftmax.data.load as loading
        loading._SHORT = 0.0
        Path("some.csv").write_text("x,label\\n" + "1,a\\n2,b\\n1,b\\n2,a\\n" * 25)
        some = tfsoftmax.load_dataset("some.csv")""",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The cells of code that ran, with their outputs: the notebook's own, and those of FURTHER."""
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient, of the extra 'test'")
    pytest.importorskip("ipykernel", reason="needs ipykernel, of the extra 'test'")
    import nbformat
    from nbformat.v4 import new_code_cell

    class Client(nbclient.NotebookClient):
        """Counts what each cell is told to change below it."""

        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] == "update_display_data":
                cell.metadata["updates"] = cell.metadata.get("updates", 0) + 1
            return super().process_message(msg, cell, cell_index)

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    own = [cell for cell in notebook.cells if cell.cell_type == "code"]
    further = {name: new_code_cell(dedented(source)) for name, source in FURTHER.items()}
    notebook.cells += further.values()
    with pytest.MonkeyPatch.context() as patch:
        # As in a notebook that sets nothing.
        patch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path_factory.mktemp("jupyter")))
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        # With it, a kernel would not show what native code writes to standard error.
        environment = {key: os.environ[key] for key in os.environ if key != "PYTEST_CURRENT_TEST"}
        where = {"metadata": {"path": str(tmp_path_factory.mktemp("work"))}}
        client = Client(
            notebook, timeout=300, kernel_name="python3", resources=where, allow_errors=True
        )
        client.execute(env=environment)
    return own, further


@pytest.fixture(scope="module")
def outputs(ran):
    """All outputs of each of the notebook's own cells."""
    return [cell.outputs for cell in ran[0]]


def dedented(source):
    return re.sub(r"\n {8}", "\n", source).strip()


def bars(cell):
    """The bars below a cell, as text."""
    shown = [found.data for found in cell.outputs if found.output_type == "display_data"]
    return [data["text/plain"] for data in shown if "image/png" not in data]


def test_no_log_no_warning_and_no_error_is_in_a_cell(ran, outputs):
    found = [one for cell in outputs for one in cell if one.output_type in ("stream", "error")]
    assert found == []
    assert [
        c for c in ran[1].values() if any(one.output_type == "stream" for one in c.outputs)
    ] == []


def test_every_object_shows_itself(outputs):
    shown = [found.data for cell in outputs for found in cell if "data" in found]
    html = "".join(data.get("text/html", "") for data in shown)
    for words in ("digits: 8x8 uint8", "10 epochs", "SoftmaxRegression", "360 rows", "ROC AUC"):
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


def test_training_and_tuning_are_one_bar_that_is_updated_and_stays(ran):
    trained, tuned = (
        next(cell for cell in ran[0] if call in cell.source) for call in (".fit(", ".tune(")
    )
    figures = r"epoch 10: loss 0\.\d{3}, test accuracy 0\.9\d\d"
    for cell, said in (
        (trained, f"training ━{{20,}} 100% {figures}"),
        (tuned, "tuning ━{20,} 100% "),
    ):
        (bar,) = bars(cell)
        assert re.fullmatch(said + r" \d+\.\d s", bar)
        assert cell.metadata["updates"] >= 2
        (html,) = (
            one.data["text/html"] for one in cell.outputs if one.output_type == "display_data"
        )
        assert unescape(re.sub("<[^>]*>", "", html)).split() == bar.split()


def test_the_bar_of_an_estimator_says_how_its_training_rows_do(ran):
    (bar,) = bars(ran[1]["estimator"])
    assert re.match(r"training ━+ 100% step \d+: loss 0\.\d{3}, accuracy 0\.97\d ", bar)


@pytest.mark.parametrize("name", ["off", "quiet estimator", "wrong", "broken display"])
def test_no_bar_is_there_if_nothing_is_to_be_shown(ran, name):
    assert bars(ran[1][name]) == []


def test_training_does_not_depend_on_its_bar(ran):
    (epochs,) = ran[1]["broken display"].outputs
    assert epochs.data["text/plain"] == "10"


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("interrupted", "KeyboardInterrupt", r"training: interrupted ━+ +20% epoch 2: loss "),
        ("diverging", "DivergenceError", "(starting|training): failed "),
    ],
)
def test_a_bar_says_how_training_ended_early(ran, name, error, said):
    (bar,) = bars(ran[1][name])
    assert re.match(said, bar)
    assert ran[1][name].outputs[-1].ename == error


def test_a_long_load_says_how_many_rows_were_read(ran):
    (bar,) = bars(ran[1]["long"])
    assert re.match(r"reading ━+ 100% 100 rows ", bar)
