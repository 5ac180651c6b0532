"""The files of docs/launchers say what their schedulers and our processes need to agree."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tfsoftmax.cli.train import train
from tfsoftmax.distributed.environment import cluster_in

yaml = pytest.importorskip("yaml", reason="needs PyYAML")
LAUNCHERS = Path(__file__).parents[2] / "docs" / "launchers"
SRUN = """#!/bin/bash
echo "$@" >srun-arguments
exit "$ENDS_WITH"
"""
SCONTROL = """#!/bin/bash
echo "$@" >scontrol-arguments
"""


def documents(name):
    found = yaml.safe_load_all((LAUNCHERS / name).read_text())
    return {document["kind"]: document for document in found}


def pods_of(job, name, subdomain, count, environment):
    """The variables of an Indexed Job's pods, as its controller and the kubelet set them."""
    assert job["completionMode"] == "Indexed"
    (container,) = job["template"]["spec"]["containers"]
    own = {each["name"]: each["value"] for each in (*container.get("env", ()), *environment)}
    (rule,) = (each for each in job["podFailurePolicy"]["rules"] if "onExitCodes" in each)
    assert rule["onExitCodes"]["containerName"] == container["name"]
    # Kubernetes refuses a failure policy of pods that restart by themselves.
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert own["TFSOFTMAX_SERVICE"] == subdomain
    for index in range(count):
        yield {**own, "HOSTNAME": f"{name}-{index}", "JOB_COMPLETION_INDEX": str(index)}


def assert_find_each_other(pods, hosts):
    for index, pod in enumerate(pods):
        cluster = cluster_in(pod)
        assert cluster.index == index
        assert cluster.addresses == tuple(f"{host}:2222" for host in hosts)
    assert index == len(hosts) - 1


def assert_trains(command):
    program, *arguments = command
    assert program == "tfsoftmax-train"
    with train.make_context(program, arguments) as context:
        assert context.params["resume"]
        assert context.params["checkpoint_dir"]
    return context.params


def test_an_indexed_job():
    found = documents("indexed-job.yaml")
    service, job = found["Service"], found["Job"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    subdomain = job["spec"]["template"]["spec"]["subdomain"]
    assert subdomain == service["metadata"]["name"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"]
    pods = pods_of(job["spec"], "softmax", subdomain, job["spec"]["completions"], ())
    assert_find_each_other(pods, [f"softmax-{index}.softmax" for index in range(3)])
    options = assert_trains(job["spec"]["template"]["spec"]["containers"][0]["command"])
    # Longer than the longest pause after which the Job's controller replaces a pod.
    assert options["join_timeout"] > 360


def test_a_jobset():
    spec = documents("jobset.yaml")["JobSet"]["spec"]
    (replicated,) = spec["replicatedJobs"]
    job = replicated["template"]["spec"]
    assert spec["network"]["enableDNSHostnames"]
    assert job["completions"] == job["parallelism"]
    pods = pods_of(job, "softmax-worker-0", spec["network"]["subdomain"], job["completions"], ())
    assert_find_each_other(pods, [f"softmax-worker-0-{index}.softmax" for index in range(3)])
    assert_trains(job["template"]["spec"]["containers"][0]["command"])


def test_a_kubeflow_train_job():
    found = documents("kubeflow-trainer.yaml")
    runtime, asked = found["TrainingRuntime"], found["TrainJob"]
    reference = asked["spec"]["runtimeRef"]
    assert (reference["kind"], reference["name"]) == (runtime["kind"], runtime["metadata"]["name"])
    assert runtime["apiVersion"] == f"{reference['apiGroup']}/v1alpha1"
    (replicated,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    labels = replicated["template"]["metadata"]["labels"]
    assert labels == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    job, trainer = replicated["template"]["spec"], asked["spec"]["trainer"]
    # What Trainer adds the TrainJob's variables to.
    assert job["template"]["spec"]["containers"][0]["name"] == replicated["name"] == "node"
    name = asked["metadata"]["name"]
    pods = pods_of(job, f"{name}-node-0", name, trainer["numNodes"], trainer["env"])
    assert_find_each_other(pods, [f"softmax-node-0-{index}.softmax" for index in range(3)])
    assert_trains(trainer["command"])


def run_slurm_script(folder, ends_with, restarts):
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "42"}
    variables |= {"ENDS_WITH": str(ends_with), **restarts}
    return subprocess.run([LAUNCHERS / "slurm.sh"], env=variables, cwd=folder).returncode


@pytest.mark.parametrize(
    ("ends_with", "restarts", "again"),
    [
        (0, {}, False),
        (1, {}, False),
        (2, {}, False),
        (75, {}, True),
        (137, {}, True),
        (143, {"SLURM_RESTART_COUNT": "3"}, True),
        (75, {"SLURM_RESTART_COUNT": "4"}, False),
    ],
)
def test_a_slurm_job_is_queued_again_if_that_can_help(tmp_path, ends_with, restarts, again):
    assert run_slurm_script(tmp_path, ends_with, restarts) == ends_with
    asked = tmp_path / "scontrol-arguments"
    assert asked.exists() == again
    assert not again or asked.read_text() == "requeue 42\n"


def test_the_tasks_of_a_slurm_job_find_each_other(tmp_path):
    run_slurm_script(tmp_path, 0, {})
    given = shlex.split((tmp_path / "srun-arguments").read_text())
    assert "--distribution=block" in given
    assert_trains(given[given.index("tfsoftmax-train") :])
    script = (LAUNCHERS / "slurm.sh").read_text()
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", script, re.MULTILINE))
    nodes, each = int(asked["nodes"]), int(asked["ntasks-per-node"])
    for task in range(nodes * each):
        variables = {
            "SLURM_STEP_NUM_TASKS": str(nodes * each),
            "SLURM_STEP_NODELIST": f"node[1-{nodes}]",
            "SLURM_STEP_TASKS_PER_NODE": f"{each}(x{nodes})",
            "SLURM_JOB_ID": "42",
            "SLURM_PROCID": str(task),
            "SLURM_NODEID": str(task // each),
            "SLURM_LOCALID": str(task % each),
        }
        cluster = cluster_in(variables)
        assert cluster.index == task
        assert cluster.addresses == ("node1:20042", "node1:20043", "node2:20042", "node2:20043")
