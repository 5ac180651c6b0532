"""Who takes part in a run, as Kubernetes, Slurm or `tfsoftmax launch` say in the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfsoftmax.errors import UsageError

# Where a scheduler leaves the choice of ports to us.
_JOB_PORT = 2222
_SLURM_FIRST_PORT, _SLURM_PORTS = 20_000, 10_000


@dataclass(frozen=True)
class Cluster:
    """The processes of a run.

    Attributes:
      addresses: ``host:port`` of each; the first is the chief's.
      index: which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int


def cluster_in(environment: Mapping[str, str]) -> Cluster | None:
    """The processes that the environment says are to train together; None if it names no others.

    The first of these that says so counts:

    * ``TF_CONFIG``, TensorFlow's own: its ``chief``, if there is one, and its ``worker`` tasks;
    * a step of Slurm (`srun`) of more than one task;
    * an Indexed Job of Kubernetes (``JOB_COMPLETION_INDEX``) whose pods have ``TFSOFTMAX_WORKERS``,
      how many there are, and ``TFSOFTMAX_SERVICE``, the headless service that they are found by.

    Raises:
      UsageError: if what it says does not add up.

    Reference: the documentation of `tf.distribute.cluster_resolver.TFConfigClusterResolver`.

    >>> cluster_in({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]},'
    ...                          ' "task": {"type": "worker", "index": 1}}'})
    Cluster(addresses=('a:1', 'b:1'), index=1)
    """
    for find in (_of_tf_config, _of_slurm, _of_indexed_job):
        cluster = find(environment)
        if cluster:
            return cluster if len(cluster.addresses) > 1 else None
    return None


def _of_tf_config(environment: Mapping[str, str]) -> Cluster | None:
    text = environment.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
        tasks = {job: _addresses(found) for job, found in config.get("cluster", {}).items()}
        task = config.get("task", {"type": "worker", "index": 0})
        kind, number = str(task["type"]), int(task["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            'TF_CONFIG must be like {"cluster": {"worker": ["host:port", ...]}, "task": '
            f'{{"type": "worker", "index": 0}}}}, not {text[:200]!r} ({error!r})'
        ) from error
    tasks = {job: addresses for job, addresses in tasks.items() if addresses}
    if not tasks:
        return None
    if unknown := set(tasks) - {"chief", "worker", "evaluator"}:
        raise UsageError(
            f"TF_CONFIG has tasks of type {min(unknown)!r}: a run has a chief and workers only, "
            "which add up their gradients among themselves"
        )
    addresses = (*tasks.get("chief", ()), *tasks.get("worker", ()))
    first = {"chief": 0, "worker": len(tasks.get("chief", ()))}
    if kind not in first or not 0 <= number < len(tasks.get(kind, ())):
        raise UsageError(
            f"TF_CONFIG says that this process is {kind} {number}, which is none of its tasks that "
            "train: "
            + ", ".join(f"{job} 0 to {len(tasks[job]) - 1}" for job in first & tasks.keys())
        )
    return _checked(Cluster(addresses, first[kind] + number), "TF_CONFIG")


def _addresses(found: Any) -> tuple[str, ...]:
    """The addresses of a job in TF_CONFIG, which may also be a dictionary from task numbers."""
    values = [found[key] for key in sorted(found, key=int)] if isinstance(found, dict) else found
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("its addresses are no list")
    return tuple(values)


def _of_slurm(environment: Mapping[str, str]) -> Cluster | None:
    # A step's variables: those of the job alone are set in a shell that is one process, too.
    tasks = environment.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks == "1" or "SLURM_PROCID" not in environment:
        return None
    try:
        hosts = _hosts(environment["SLURM_STEP_NODELIST"])
        counts = _counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        index, count = int(environment["SLURM_PROCID"]), int(tasks)
        port = _SLURM_FIRST_PORT + int(environment["SLURM_JOB_ID"]) % _SLURM_PORTS
        place = (int(environment["SLURM_NODEID"]), int(environment["SLURM_LOCALID"]))
        places = [(node, local) for node, tasks in enumerate(counts) for local in range(tasks)]
        if len(hosts) != len(counts) or len(places) != count:
            raise ValueError(f"{len(hosts)} hosts, {sum(counts)} tasks on them, {count} in all")
    except (ValueError, KeyError) as error:
        raise UsageError(f"Slurm's variables of this step do not add up: {error!r}") from error
    if places[index] != place:
        raise UsageError(
            "Slurm numbered this step's tasks across its nodes; give srun the distribution "
            "'block', so that those of a node come one after another"
        )
    addresses = tuple(f"{hosts[node]}:{port + local}" for node, local in places)
    return _checked(Cluster(addresses, index), "Slurm's list of nodes")


def _hosts(nodes: str) -> list[str]:
    """The hosts in Slurm's notation.

    >>> _hosts("gpu[08-10,12],login")
    ['gpu08', 'gpu09', 'gpu10', 'gpu12', 'login']
    """
    hosts = []
    for name, numbers, rest in re.findall(r"([^\[,]+)(?:\[([^\]]*)\])?([^\[,]*)(?:,|$)", nodes):
        for part in numbers.split(",") if numbers else [""]:
            first, _, last = part.partition("-")
            if not last:
                hosts.append(name + first + rest)
                continue
            for number in range(int(first), int(last) + 1):
                hosts.append(f"{name}{number:0{len(first)}}{rest}")
    return hosts


def _counts(tasks: str) -> list[int]:
    """How many tasks each node has, in Slurm's notation.

    >>> _counts("2(x3),1")
    [2, 2, 2, 1]
    """
    counts = []
    for part in tasks.split(","):
        number, _, times = part.partition("(x")
        counts += [int(number)] * int(times.rstrip(")") or 1)
    return counts


def _of_indexed_job(environment: Mapping[str, str]) -> Cluster | None:
    index, count = environment.get("JOB_COMPLETION_INDEX"), environment.get("TFSOFTMAX_WORKERS")
    # Pods of other Indexed Jobs do not know each other: each trains a model of its own.
    if index is None or count is None:
        return None
    host, service = environment.get("HOSTNAME", ""), environment.get("TFSOFTMAX_SERVICE")
    name, _, number = host.rpartition("-")
    if not service or number != index or not count.isdecimal() or int(index) >= int(count):
        raise UsageError(
            f"TFSOFTMAX_WORKERS is {count!r}, TFSOFTMAX_SERVICE {service!r}, JOB_COMPLETION_INDEX "
            f"{index!r} and HOSTNAME {host!r}: the pods of an Indexed Job need the number of its "
            "pods, its headless service, and host names that end in their index"
        )
    addresses = tuple(f"{name}-{pod}.{service}:{_JOB_PORT}" for pod in range(int(count)))
    return Cluster(addresses, int(index))


def _checked(cluster: Cluster, source: str) -> Cluster:
    """Raises UsageError unless every address is a host and a port, and is there once."""
    for address in cluster.addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise UsageError(f"{source}: {address!r} must be a host and a port, as in 'host:2222'")
    if len(set(cluster.addresses)) < len(cluster.addresses):
        twice = max(cluster.addresses, key=cluster.addresses.count)
        raise UsageError(f"{source} gives {twice} to two processes; each needs a port of its own")
    return cluster
