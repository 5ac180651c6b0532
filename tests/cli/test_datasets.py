"""tfsoftmax datasets lists what there is."""

import json
import re

from support.commands import run

from tfsoftmax.cli.main import main as group


def test_datasets_are_listed(tmp_path):
    result = run(group, "datasets", "--data-dir", tmp_path)
    assert re.search(r"^mnist5k .*ready, no download$", result.stdout, re.MULTILINE)
    assert re.search(
        r"^kmnist +10 classes of 28x28 images; downloaded", result.stdout, re.MULTILINE
    )
    assert {entry["name"] for entry in json.loads(run(group, "datasets", "--json").stdout)} >= {
        "digits",
        "mnist",
    }
