"""The committed requests are what this code writes; curl sends them as servers want them."""

import io
import json
import shlex
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfsoftmax.export import metadata, serving

VERSION = Path(__file__).parents[2] / "savedmodels" / "mnist-reference" / "2"
COMMITTED = VERSION / serving.REQUESTS


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The requests for the same rows, which the committed ones hold."""
    folder = tmp_path_factory.mktemp("version")
    spec = metadata.spec_from_bytes((VERSION / metadata.FILE_NAME).read_bytes())
    rows = json.loads((COMMITTED / "predict-rows.json").read_text())["instances"]
    serving.write_labels(folder, spec)
    samples = serving.samples_of(spec, np.array(rows, spec.dtype).reshape(len(rows), -1), None)
    serving.write_requests(folder, spec, "mnist-reference", samples)
    return folder / serving.REQUESTS


def pixels_of(path):
    bodies = json.loads(path.read_text())["instances"]
    return [np.asarray(Image.open(io.BytesIO(b64decode(body["b64"])))) for body in bodies]


def test_the_committed_requests_are_what_this_code_writes(written):
    files = sorted(path.name for path in written.iterdir())
    assert sorted(path.name for path in COMMITTED.iterdir()) == files
    for file in files:
        if file == "predict-bytes.json":
            # A PNG's bytes depend on the compressor's version, its pixels do not.
            np.testing.assert_array_equal(pixels_of(COMMITTED / file), pixels_of(written / file))
        else:
            assert (COMMITTED / file).read_text() == (written / file).read_text(), file


def test_curl_says_that_it_sends_json(written):
    lines = (written / "curl.sh").read_text().splitlines()
    commands = [shlex.split(line.removesuffix("; echo")) for line in lines if "curl " in line]
    assert len(commands) == 4
    for command in commands:
        assert command[command.index("-H") + 1] == "Content-Type: application/json"
