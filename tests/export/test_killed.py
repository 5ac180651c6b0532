"""Export killed at random moments: a version folder is whole or not there."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tfsoftmax import load_predictor
from tfsoftmax.export.versions import check_output, versions

KILLS = 50
EXPORT_FOREVER = """
import sys
import numpy as np
from tfsoftmax.system.startup import import_tensorflow
import_tensorflow()
from tfsoftmax import SoftmaxRegression, Spec, export_model
model = SoftmaxRegression(Spec((4, 4), "uint8", ("a", "b"), (0, 255)))
rows = np.random.default_rng(0).integers(0, 256, (40, 16), np.uint8)
formats = ("float32", "int8", "trainable")
while True:
    export_model(model, sys.argv[1], "m", check_on=rows, calibrate_on=rows, formats=formats)
    print("exported", flush=True)
"""


@pytest.mark.slow
def test_whatever_moment_it_is_killed_at_every_version_is_whole(tmp_path):
    generator = random.Random(0)
    seen, unfinished = set(), 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", EXPORT_FOREVER, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        process.stdout.readline()
        time.sleep(generator.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        folder = tmp_path / "m"
        unfinished += any(path.name.startswith(".staging") for path in folder.iterdir())
        for number in set(versions(folder)) - seen:
            place = folder / str(number)
            for path in (place, place / "model.tflite"):
                assert load_predictor(path).spec.class_names == ("a", "b")
            assert (place / "README.md").stat().st_size > 100
            seen.add(number)
    assert len(seen) >= KILLS
    check_output(folder)
    assert {path.name for path in folder.iterdir()} == {str(number) for number in seen}
    assert unfinished > KILLS // 4  # or the kills missed what they were aimed at
