import xml.etree.ElementTree
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.runs import candidate

from tfsoftmax import Recipe, UsageError
from tfsoftmax.report.plots import plot_tuning
from tfsoftmax.tuning.tune import Tuning


def grid(*points, scoring="log_loss"):
    """A tuning whose candidates are all as good as their l2 is near 0.01."""
    found = []
    for l2, l1, rate in points:
        far = 0.3 + abs(np.log10((l2 or 1e-5) / 1e-2)) / 10 + l1
        found.append(candidate(l2, (far, far + 0.1), (0.9 - far / 10, 0.8), l1, rate))
    return Tuning(Recipe(), scoring, tuple(found))


def drawn(tuning):
    from matplotlib.figure import Figure

    from tfsoftmax.report import plots as tuning_plot

    axes = Figure().add_subplot()
    tuning_plot._draw(axes, tuning)
    return axes


def test_a_plot_has_a_line_a_learning_rate_against_l2_with_0_at_its_left_edge():
    l2 = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
    axes = drawn(grid(*((one, 0.0, rate) for rate in (0.1, 0.5) for one in l2)))
    named = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    assert [line.get_label() for line in named[:2]] == ["learning rate 0.1", "learning rate 0.5"]
    np.testing.assert_allclose(named[0].get_xdata(), [1e-5, *l2[1:]])
    assert named[0].get_ydata()[3] == pytest.approx(0.35)
    assert named[2].get_label() == "best: l2 0.01, learning rate 0.1\n(0.3500 ± 0.0500)"
    np.testing.assert_allclose([named[2].get_xdata()[0], named[2].get_ydata()[0]], [0.01, 0.35])
    assert axes.get_xscale() == "log"
    assert axes.get_xticklabels()[0].get_text() == "0"
    assert "l2" in axes.get_xlabel()
    assert "nats" in axes.get_ylabel()
    bands = [band.get_paths()[0].get_extents() for band in axes.collections[:2]]
    assert bands[0].ymin == pytest.approx(0.35 - 0.05)


@pytest.mark.parametrize(
    ("points", "across"),
    [
        ([(0.0, l1, 0.5) for l1 in (1e-3, 1e-2)], "l1"),
        ([(0.1, 0.0, rate) for rate in (0.1, 0.5)], "learning rate"),
        ([(0.0, 0.0, 0.5)], "l2"),
        ([(l2, 0.0, 0.5) for l2 in (0.0, 1.0)], "l2"),
    ],
)
@pytest.mark.parametrize("scoring", ["log_loss", "accuracy"])
def test_what_is_varied_is_the_axis(points, across, scoring):
    axes = drawn(grid(*points, scoring=scoring))
    assert axes.get_xlabel().startswith(across)
    score = "log-loss" if scoring == "log_loss" else "accuracy"
    assert axes.get_ylabel().startswith(f"mean {score}")


def test_what_diverged_is_left_out_and_counted():
    tuning = grid((1e-3, 0.0, 0.5), (1e-2, 0.0, 0.5))
    lost = candidate(1e-1, (np.nan, np.nan), (np.nan, np.nan))
    axes = drawn(replace(tuning, candidates=(*tuning.candidates, lost)))
    (line, *_) = axes.get_lines()
    assert line.get_label() == "1 diverged, not drawn"
    assert len(line.get_xdata()) == 2


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plots_of_every_kind_are_written_whole(tmp_path, suffix):
    l2 = (0.0, 1e-3, 1.0)
    tuning = grid(*((one, l1, 0.5) for l1 in (0.0, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2) for one in l2))
    path = tmp_path / "deep" / f"tuning.{suffix}"
    plot_tuning(tuning, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    if suffix == "png":
        with Image.open(path) as picture:
            assert picture.size[0] > 1000
            assert len(np.unique(picture.convert("L"))) > 50
    elif suffix == "svg":
        assert xml.etree.ElementTree.parse(path).getroot().tag.endswith("svg")
    else:
        assert path.read_bytes().startswith(b"%PDF")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install matplotlib"):
        plot_tuning(grid((0.1, 0.0, 0.5)), tmp_path / "tuning.png")
    assert not list(tmp_path.iterdir())
