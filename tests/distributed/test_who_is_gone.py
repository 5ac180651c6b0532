"""Whom a worker says it has lost: those that do not answer, or whom TensorFlow says it has lost."""

import socket

import pytest
import tensorflow as tf

from tfsoftmax import PeerError
from tfsoftmax.distributed import lost
from tfsoftmax.distributed import workers as module
from tfsoftmax.distributed.environment import Cluster

# What TensorFlow 2.21 said in worker 1 of 3 when worker 2 was killed; it had it from the chief.
PASSED_ON = """{{function_node __wrapped__CollectiveReduceV2_device_/job:worker/replica:0/task:1}} \
Collective ops is aborted by: Collective ops is aborted by: recvmsg:Connection reset by peer
Additional GRPC error information from remote target /job:worker/replica:0/task:2 while calling \
/tensorflow.WorkerService/RecvBuf:
:UNKNOWN:Error received from peer  {grpc_message:"recvmsg:Connection reset by peer", grpc_status:14}
Additional GRPC error information from remote target /job:worker/replica:0/task:0 while calling \
/tensorflow.WorkerService/RecvBuf:
:UNKNOWN:Error received from peer  {grpc_status:14, grpc_message:"Collective ops is aborted by: \
recvmsg:Connection reset by peer\\nAdditional GRPC error information from remote target \
/job:worker/replica:0/task:2 while calling /tensorflow.WorkerService/RecvBuf"}"""
# What it said when the chief had told that it had lost worker 2.
REPORTED = """{{function_node __wrapped__CollectiveReduceV2_Nordering_token_0_device_/job:worker/\
replica:0/task:1/device:CPU:0}} Collective ops is aborted by: Error reported from \
/job:worker/task:0: tfsoftmax has lost workers %s
The error could be from a previous operation. Restart your program to reset. \
[Op:CollectiveReduceV2]"""
HEARTBEAT = "Heartbeat timeout from /job:worker/replica:0/task:2. It may have been preempted."


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(lost, "_PROBE_PAUSE", 0.0)
    monkeypatch.setattr(module, "_STAY_SECONDS", 0.0)


@pytest.fixture
def listening():
    """Three addresses at which somebody answers, and a function that ends one of them."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = ["{}:{}".format(*server.getsockname()) for server in servers]
    yield addresses, lambda index: servers[index].close()
    for server in servers:
        server.close()


def lost_by(index, addresses, said):
    """What a worker says that gets such an error."""
    worker = module._Joined(Cluster(tuple(addresses), index), runtime=None)
    with pytest.raises(PeerError) as found, worker.peer_errors():
        raise tf.errors.UnavailableError(None, None, said)
    return str(found.value)


@pytest.mark.parametrize("gone", [[2], [0], [0, 2]])
@pytest.mark.parametrize("said", [PASSED_ON, HEARTBEAT, "Socket closed"])
def test_those_that_do_not_answer_are_named(listening, gone, said):
    addresses, end = listening
    for index in gone:
        end(index)
    names = {0: f"worker 0, the chief ({addresses[0]})", 2: f"worker 2 ({addresses[2]})"}
    expected = " and ".join(names[index] for index in gone)
    assert f"worker 1 of 3 lost {expected}; start" in lost_by(1, addresses, said)


@pytest.mark.parametrize("said", [PASSED_ON, HEARTBEAT])
def test_where_all_answer_again_tensorflow_tells_who_it_was(listening, said):
    # It was started again, or is stopped: the system answers for it.
    addresses, _ = listening
    assert f"worker 1 of 3 lost worker 2 ({addresses[2]}); start" in lost_by(1, addresses, said)


@pytest.mark.parametrize("ended", [[], [0], [0, 2]])
def test_whom_another_has_lost_is_named_even_if_that_one_has_ended_since(listening, ended):
    addresses, end = listening
    for index in ended:
        end(index)
    assert f"worker 1 of 3 lost worker 2 ({addresses[2]}); start" in lost_by(
        1, addresses, REPORTED % "2"
    )


def test_one_that_others_have_lost_names_them_when_they_have_ended(listening):
    addresses, end = listening
    end(2)
    assert f"worker 1 of 3 lost worker 2 ({addresses[2]}); start" in lost_by(
        1, addresses, REPORTED % "1"
    )


def test_one_that_has_lost_another_stays_until_the_others_have_noticed(listening, monkeypatch):
    addresses, end = listening
    end(2)
    slept = []
    monkeypatch.setattr(module, "_STAY_SECONDS", 2.0)
    monkeypatch.setattr(module.time, "sleep", slept.append)
    lost_by(1, addresses, PASSED_ON)
    assert slept == [2.0]
