"""Ray's workers train one model; with Ray itself where it is installed."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tfsoftmax import Recipe, UsageError, fit, load_dataset, load_predictor
from tfsoftmax.ray import trainer

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs ray: pip install 'tfsoftmax[ray]'"
)
MOST_SECONDS = 900
FIELDS = {"epochs": 60, "batch_size": 32, "l2": 7e-4, "momentum": 0.9}
# Ray binds the first interface that it finds, so it is given none but the loopback.
ALONE = ["unshare", "--net", "bash", "-c", 'ip link set lo up && exec "$@"', "bash"]
THREE_NODES = """
import json, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from ray.train import FailureConfig, RunConfig, ScalingConfig
from tfsoftmax.ray import trainer

folder, arguments = json.loads(sys.argv[1])
# A raylet waits no longer than 15 s for the agents' ports, unless it is told which.
AGENTS = ["metrics_agent", "metrics_export", "runtime_env_agent", "dashboard_agent_listen"]

def node(number):
    ports = {f"{agent}_port": 20_000 + 10 * number + n for n, agent in enumerate(AGENTS)}
    return {"num_cpus": 1, **ports}

cluster = Cluster(initialize_head=True, head_node_args=node(0))
last = [cluster.add_node(**node(number)) for number in (1, 2)][-1]
ray.init(cluster.address)

def remove_a_node():
    while len(list(Path(folder, "digits", "run").glob("step-*"))) < 3:
        time.sleep(0.05)
    cluster.remove_node(last, allow_graceful=False)
    print("removed", flush=True)

threading.Thread(target=remove_a_node, daemon=True).start()
result = trainer(
    arguments,
    scaling_config=ScalingConfig(num_workers=(2, 3)),
    run_config=RunConfig(
        name="digits", storage_path=folder, failure_config=FailureConfig(max_failures=3)
    ),
).fit()
print(json.dumps({"metrics": result.metrics, "model": result.checkpoint.path}), flush=True)
# At exit the nodes would go first, and Ray ends a process that has lost its node with code 1.
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_is_said_what_to_install():
    with pytest.raises(UsageError, match=r"pip install 'tfsoftmax\[ray\]'"):
        trainer(["digits"])


@needs_ray
@pytest.mark.parametrize("argument", ["--checkpoint-dir=run", "--output-dir", "--json"])
def test_what_the_trainer_says_itself_is_refused(argument):
    with pytest.raises(UsageError, match=f"{argument} is not for tfsoftmax.ray"):
        trainer(["digits", argument])


@needs_ray
def test_storage_that_is_no_folder_is_refused():
    from ray.train import RunConfig

    with pytest.raises(UsageError, match="must be a folder that all nodes share"):
        trainer(["digits"], run_config=RunConfig(storage_path="s3://bucket/runs"))


@needs_ray
@pytest.mark.slow
def test_three_nodes_of_which_one_is_removed_train_the_model_of_one_process(tmp_path):
    arguments = ["digits", "--tflite", "none", "--checkpoint-steps", "45", "--sync-every", "1"]
    for name, value in FIELDS.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    done = subprocess.run(
        [*ALONE, sys.executable, "-c", THREE_NODES, json.dumps([str(tmp_path), arguments])],
        capture_output=True, text=True, timeout=MOST_SECONDS, cwd=tmp_path,
        env={**os.environ, "RAY_DEDUP_LOGS": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert "removed" in said
    assert "of 3 lost worker" in done.stdout + done.stderr
    (printed,) = (line for line in said if line.startswith('{"metrics"'))
    found = json.loads(printed)
    model = load_predictor(found["model"]).model()
    expected, history = fit(load_dataset("digits"), Recipe(**FIELDS))
    np.testing.assert_allclose(model.W, expected.W, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.b, expected.b, rtol=0, atol=1e-5)
    assert found["metrics"]["test_accuracy"] == history.last.test_accuracy
