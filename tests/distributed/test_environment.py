"""Who takes part: every scheduler's variables, and every way in which they do not add up."""

import json

import pytest
import tensorflow as tf

from tfsoftmax import UsageError
from tfsoftmax.distributed.environment import Cluster, cluster_in


def tf_config(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


SLURM = {
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_PROCID": "3",
    "SLURM_STEP_NODELIST": "gpu[08-09],login",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_JOB_ID": "1234567",
    "SLURM_NODEID": "1",
    "SLURM_LOCALID": "1",
}
JOB = {
    "JOB_COMPLETION_INDEX": "1",
    "TFSOFTMAX_WORKERS": "3",
    "TFSOFTMAX_SERVICE": "mates",
    "HOSTNAME": "train-1",
}


def test_tf_config_is_read_as_tensorflow_reads_it(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    environment = tf_config(cluster, "worker", 1)
    monkeypatch.setenv("TF_CONFIG", environment["TF_CONFIG"])
    theirs = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    found = cluster_in(environment)
    assert found == Cluster(("a:1", "b:2", "c:3"), 2)
    task = theirs.cluster_spec().task_address(theirs.task_type, theirs.task_id)
    assert found.addresses[found.index] == task


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": ""},
        {"TF_CONFIG": "{}"},
        tf_config({"chief": ["a:1"]}, "chief"),
        tf_config({"worker": ["a:1"], "ps": []}),
        # A shell in an allocation, which is one process.
        {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},
        {**SLURM, "SLURM_STEP_NUM_TASKS": "1"},
        # Pods that do not know each other.
        {"JOB_COMPLETION_INDEX": "1", "HOSTNAME": "train-1"},
        {**JOB, "JOB_COMPLETION_INDEX": "0", "TFSOFTMAX_WORKERS": "1", "HOSTNAME": "train-0"},
    ],
)
def test_a_process_that_names_no_others_trains_alone(environment):
    assert cluster_in(environment) is None


def test_a_step_of_slurm():
    ports = 20_000 + 1234567 % 10_000
    hosts = ["gpu08", "gpu08", "gpu09", "gpu09", "login"]
    addresses = tuple(
        f"{host}:{ports + local}" for host, local in zip(hosts, (0, 1, 0, 1, 0), strict=True)
    )
    assert cluster_in(SLURM) == Cluster(addresses, 3)


def test_an_indexed_job():
    addresses = tuple(f"train-{pod}.mates:2222" for pod in range(3))
    assert cluster_in(JOB) == Cluster(addresses, 1)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_CONFIG": "{cluster"}, "TF_CONFIG must be like"),
        ({"TF_CONFIG": "[1]"}, "TF_CONFIG must be like"),
        ({"TF_CONFIG": '{"cluster": {"worker": "a:1"}}'}, "TF_CONFIG must be like"),
        (tf_config({"worker": ["a:1", "b:1"]}, index="x"), "TF_CONFIG must be like"),
        (tf_config({"worker": ["a:1", "b:1"], "ps": ["c:1"]}), "tasks of type 'ps'"),
        (tf_config({"worker": ["a:1", "b:1"]}, index=2), "worker 2, which is none of"),
        (tf_config({"worker": ["a:1", "b:1"]}, "evaluator"), "evaluator 0, which is none of"),
        (tf_config({"worker": ["a:1", "b"]}), "'b' must be a host and a port"),
        (tf_config({"worker": ["a:1", "b:65536"]}), "'b:65536' must be a host and a port"),
        (tf_config({"worker": ["a:1", "a:1"]}), "gives a:1 to two processes"),
        ({**SLURM, "SLURM_STEP_NODELIST": "gpu08"}, "do not add up"),
        ({**SLURM, "SLURM_LOCALID": "0"}, "the distribution 'block'"),
        ({**JOB, "TFSOFTMAX_SERVICE": ""}, "headless service"),
        ({**JOB, "HOSTNAME": "train-2"}, "end in their index"),
        ({**JOB, "TFSOFTMAX_WORKERS": "one"}, "number of its pods"),
        ({**JOB, "TFSOFTMAX_WORKERS": "1"}, "number of its pods"),
    ],
)
def test_what_does_not_add_up_is_refused_in_one_sentence(environment, message):
    with pytest.raises(UsageError, match=message):
        cluster_in(environment)
