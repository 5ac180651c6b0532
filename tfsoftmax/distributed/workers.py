"""The processes that train one model together: how they meet, and what they tell each other.

The network is TensorFlow's: its servers, its coordination service, which notices who is gone, and
its all-reduce, a ring. All that is said is a sum over all processes. What the chief alone knows is
a sum, too: of its bytes and of zeros.
"""

from __future__ import annotations

import json
import math
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any

from tfsoftmax.distributed.environment import Cluster, cluster_in
from tfsoftmax.distributed.lost import errors_of_peers, named, report_of, tasks_in, who_is_lost
from tfsoftmax.errors import MachineError, PeerError, UsageError

# Who is silent for so long is gone. A process that is stopped, or behind a cut link, is
# noticed by this alone; one that ends is noticed at once.
HEARTBEAT_SECONDS = 10
_GROUP_KEY = 1
# Who works by itself asks this often whether the others are there. Who has lost one stays for so
# long: others that are slower to notice do not miss it, too.
_CHECK_SECONDS = _STAY_SECONDS = 2.0


class Workers:
    """The processes that train one model together; this class is a process that trains alone.

    Every method that speaks of all processes must be called by all of them, in the same order.

    Attributes:
      count: how many there are.
      index: which of them this is; 0 is the chief, which measures, saves and exports.
    """

    count = 1
    index = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that measures, saves and exports."""
        return self.index == 0

    def sum(self, tensors: Sequence[Any]) -> list[Any]:
        """The sums of all processes' tensors, the same bytes in each; they share a dtype."""
        return list(tensors)

    def chiefs(self, value: Any) -> Any:
        """The chief's value, JSON-ready; what others hand in does not matter."""
        return value

    def chiefs_bytes(self, content: bytes, length: int | None = None) -> bytes:
        """The chief's bytes; that all know how many there are saves a message."""
        return content

    def meet(self) -> None:
        """Waits until all have called it.

        Raises:
          PeerError: if another process is gone.
        """
        with self.peer_errors():
            self.chiefs(None)

    def check_peers(self) -> None:
        """Asks the others, every few seconds, whether they are there.

        For what a process does by itself, however long: it would hear nothing of them until it
        waits for them again. The only method that a process may call without the others.

        Raises:
          PeerError: if another process is gone.
        """

    @contextmanager
    def peer_errors(self) -> Iterator[None]:
        """Turns TensorFlow's errors about the others, in the block, into one that names them.

        Raises:
          PeerError: if another process is gone.
        """
        yield


ALONE = Workers()


class _Joined(Workers):
    """The processes of a cluster, once TensorFlow has connected them."""

    def __init__(self, cluster: Cluster, runtime: Any):
        self.count, self.index = len(cluster.addresses), cluster.index
        self._addresses = cluster.addresses
        self._runtime = runtime  # Ends with its last reference.
        self._next_check = 0.0

    def sum(self, tensors: Sequence[Any]) -> list[Any]:
        """As for `Workers`; within a graph, too, and in one message."""
        import tensorflow as tf

        tensors = [tf.convert_to_tensor(tensor) for tensor in tensors]
        numbers = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)
        sizes = [math.prod(tensor.shape) for tensor in tensors]
        # TensorFlow matches processes' calls by this key. What traces a function in one process
        # only must not change it, so it follows from the tensors alone.
        key = zlib.crc32(f"{numbers.dtype.name} {sizes}".encode()) & 0x7FFFFFFF
        total = tf.raw_ops.CollectiveReduceV2(
            input=numbers,
            group_size=self.count,
            group_key=_GROUP_KEY,
            instance_key=key,
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
        )
        parts = tf.split(total, sizes)
        return [tf.reshape(part, like.shape) for part, like in zip(parts, tensors, strict=True)]

    def chiefs(self, value: Any) -> Any:
        """As for `Workers`."""
        return json.loads(self.chiefs_bytes(json.dumps(value).encode("utf-8")))

    def chiefs_bytes(self, content: bytes, length: int | None = None) -> bytes:
        """As for `Workers`; as 32-bit integers, because sums of those lose nothing."""
        import numpy as np

        content = content if self.is_chief else b""
        if length is None:
            length = int(self.sum([np.array(len(content), np.int64)])[0])
        words = np.zeros(-(-length // 4), np.int32)
        words.view(np.uint8)[: len(content)] = np.frombuffer(content, np.uint8)
        (total,) = self.sum([words])
        return bytes(total.numpy().tobytes()[:length])

    def check_peers(self) -> None:
        """As for `Workers`."""
        if time.monotonic() < self._next_check:
            return
        from tensorflow.python.eager import context

        runtime, timeout = context.context(), HEARTBEAT_SECONDS * 1000
        with self.peer_errors():
            for index in range(self.count):
                if index != self.index:
                    task = f"/job:worker/replica:0/task:{index}"
                    runtime.check_collective_ops_peer_health(task, timeout)
        self._next_check = time.monotonic() + _CHECK_SECONDS

    @contextmanager
    def peer_errors(self) -> Iterator[None]:
        """As for `Workers`."""
        import tensorflow as tf

        try:
            yield
        except tf.errors.OpError as error:
            if not isinstance(error, errors_of_peers(tf.errors)):
                raise
            gone = who_is_lost(str(error), self.index, self._addresses)
            self._tell_lost(gone)
            time.sleep(_STAY_SECONDS)
            lost = named(gone, self._addresses) or f"another worker ({str(error)[:200]})"
            raise PeerError(
                f"worker {self.index} of {self.count} lost {lost}; start all of them again, "
                "and they go on from the chief's last checkpoint if there is one"
            ) from error

    def _tell_lost(self, gone: Sequence[int]) -> None:
        """Tells the others whom it has lost: one that is busy hears of it when it is done."""
        import tensorflow as tf
        from tensorflow.python.eager import context

        from tfsoftmax.distributed.unlocked import prepared

        told, handle = report_of(gone).encode(), context.context()._context_handle
        call = prepared("TFE_ReportErrorToCluster", handle, tf.errors.UNAVAILABLE, told)
        # The chief passes it on. Of one that is stopped the call waits for an answer, in vain.
        if gone and call:
            Thread(target=call, daemon=True).start()


_joined: _Joined | None = None


def join_workers(timeout: float = 300.0, environment: Mapping[str, str] = os.environ) -> Workers:
    """Meets the other processes that the environment names (`cluster_in`), if it names any.

    It must be called before TensorFlow has computed anything in the process. A second call
    returns what the first one did. `fit` takes it as its `workers`.

    Args:
      timeout: seconds to wait for the others.
      environment: where to look.

    Returns:
      The processes; `ALONE` where none are named.

    Raises:
      PeerError: if one of the others did not come in time; it says which.
      MachineError: if this process cannot have the port that it is given.
      UsageError: if the environment does not add up, or TensorFlow is in use already.

    >>> join_workers(environment={}).count
    1
    """
    global _joined
    if _joined is not None:
        return _joined
    cluster = cluster_in(environment)
    if cluster is None:
        return ALONE
    # Only now: commands import this module to show their help.
    from tfsoftmax.distributed.interruptible import signals_while_connecting
    from tfsoftmax.system.startup import import_tensorflow, silence_native_log

    import_tensorflow()
    with signals_while_connecting(), silence_native_log():
        _joined = _Joined(cluster, _connected(cluster, timeout))
    return _joined


def _connected(cluster: Cluster, timeout: float) -> Any:
    """Starts TensorFlow's server here, and waits until all are there."""
    import tensorflow as tf
    from tensorflow.python.distribute.collective_all_reduce_strategy import coordination_config_pb2
    from tensorflow.python.eager import context

    count = len(cluster.addresses)
    tensorflow = context.context()
    if tensorflow._context_handle is not None:
        raise UsageError(
            "TensorFlow has computed something in this process already: call join_workers() first, "
            "before data is loaded"
        )
    tensorflow.configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=round(timeout * 1000),
        heartbeat_timeout_in_ms=HEARTBEAT_SECONDS * 1000,
        coordinated_jobs=[coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=count)],
    )
    # Without this the others are waited for later, without any limit and deaf to signals.
    tensorflow.coordination_service.cluster_register_with_barrier = True
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except tf.errors.OpError as error:
        raise _not_joined(cluster, timeout, error) from error


def _not_joined(cluster: Cluster, timeout: float, error: Any) -> Exception:
    """The error to raise where TensorFlow raised this one."""
    import tensorflow as tf

    said = str(error.message)
    if not isinstance(error, errors_of_peers(tf.errors)):
        own = cluster.addresses[cluster.index]
        return MachineError(f"worker {cluster.index} cannot take its address, {own}: {said[:200]}")
    # The chief keeps the list; without it nobody knows about the others.
    missing = [index for index in tasks_in(said) if index != cluster.index] or [0]
    return PeerError(
        f"worker {cluster.index} of {len(cluster.addresses)} waited {timeout:g} s for "
        f"{named(missing, cluster.addresses)}, in vain: see whether it was started, and whether "
        "this machine can reach it there"
    )
