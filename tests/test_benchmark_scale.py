"""The benchmark of several workers: its formulas, what it makes of measurements, and its page."""

import doctest
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from support.sparse import sparse_matrix
from support.workers import in_threads

from tfsoftmax import Split
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.sgd import sparse_feed
from tfsoftmax.training.sgd.sparse_shard_feed import SparseShardFeed

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PAGE_SECONDS = 400


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "scale"))
    before = set(sys.modules)
    yield lambda name: __import__(name)
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def made(module):
    """Formulas, and what they are given; names can be replaced one by one."""

    class Made:
        costs, Cost = module("costs"), module("shared").Cost
        problem = costs.Problem(rows=12_000, features=99, classes=10, row_bytes=100)
        network = costs.Network(Cost(1e-3, 2e-4), Cost(1e-8, 1e-9))
        rates = costs.Rates(
            steps=((990.0, Cost(1e-3, 1e-3)), (9900.0, Cost(4e-3, 6e-3))),
            shared_steps=((990.0, Cost(2e-3, 2e-3)), (9900.0, Cost(5e-3, 7e-3))),
            newton=Cost(2e-9, 3e-9),
            leading=Cost(5e-3, 9e-3),
            inverse=Cost(0.5, 0.9),
            messages=3.5,
            evaluation=Cost(3e-9, 3e-9),
            order=Cost(1e-7, 1e-7),
            read=Cost(1e-9, 1e-9),
        )

        def cluster(self, workers, **other):
            return self.costs.Cluster(workers, **{"network": self.network, "cores": 2, **other})

        def ways(self, cluster, **other):
            """Each way, with its own rates or others."""
            given = [other.get(name, getattr(self, name)) for name in ("problem", "rates")]
            return {
                "synchronous": self.costs.synchronous(*given, cluster, 10, 3),
                "local": self.costs.local_steps(*given, cluster, 10, 3, 50),
                "exact": self.costs.exact(*given, cluster, 10, 20, 50),
            }

    return Made()


@pytest.mark.parametrize("name", ["costs", "paper"])
def test_every_formula_has_an_example_that_holds(module, name):
    results = doctest.testmod(module(name))
    assert results.attempted
    assert not results.failed


def test_a_run_is_the_sum_of_its_parts(made):
    found = made.costs.synchronous(made.problem, made.rates, made.cluster(4), 10, 3)
    # 12,000 rows in batches of 4 x 10 are 300 steps, and all-reduces of 100 x 10 floats.
    message = 6 * (1e-3 + 1000 * 1e-8)
    assert found.reading == pytest.approx(12_000 * 100 * 1e-9)
    steps, order, evaluation = 300 * 2e-3, 12_000 * 1e-7, 3000 * 99 * 3e-9
    assert found.computing == pytest.approx(3 * (steps + order + evaluation))
    assert found.communicating == pytest.approx(3 * 300 * message)
    assert found.machine_hours(made.cluster(4)) == pytest.approx(4 * found.seconds / 3600)


def test_local_steps_send_one_message_for_many_steps(made):
    found = made.costs.local_steps(made.problem, made.rates, made.cluster(4), 10, 3, 50)
    together = made.costs.synchronous(made.problem, made.rates, made.cluster(4), 10, 3)
    assert found.communicating == pytest.approx(together.communicating / 50)
    # Its steps are those of the plain loop, and it draws the order of its own rows alone.
    saved = 300 * 1e-3 + 9000 * 1e-7
    assert together.computing - found.computing == pytest.approx(3 * saved)


def test_a_pass_of_newtons_is_some_all_reduces_of_float64(made):
    less, more = (
        made.costs.exact(made.problem, made.rates, made.cluster(4), 10, passes, 50)
        for passes in (20, 21)
    )
    assert more.computing - less.computing == pytest.approx(3000 * 99 * 2e-9 + 5e-3)
    sums = 3.5 * 6 * (1e-3 + 2000 * 1e-8)
    assert more.communicating - less.communicating == pytest.approx(sums)


def test_what_the_chief_does_alone_takes_as_long_with_any_number_of_workers(made):
    rates = made.rates._replace(newton=made.Cost(0.0, 0.0))
    for cluster in (made.cluster(1), made.cluster(64), made.cluster(8, on_each=8)):
        found = made.costs.newton(made.problem, rates, cluster, 20)
        assert found.computing == pytest.approx(20 * 5e-3 + 0.5)


def test_one_worker_does_not_communicate(made):
    for found in made.ways(made.cluster(1)).values():
        assert found.communicating == found.share == 0
    # It takes the plain loop's steps.
    alone = made.costs.synchronous(made.problem, made.rates, made.cluster(1), 10, 1)
    assert alone.computing < 1200 * 2e-3


def test_a_perfect_network_divides_the_steps_by_the_workers(made):
    free = made.costs.Network(made.Cost(0.0, 0.0), made.Cost(0.0, 0.0))
    none = dict.fromkeys(("order", "leading", "inverse"), made.Cost(0.0, 0.0))
    rates = made.rates._replace(**none, shared_steps=made.rates.steps)
    one = made.ways(made.cluster(1, network=free), rates=rates)
    for workers in (2, 5, 16):
        for way, found in made.ways(made.cluster(workers, network=free), rates=rates).items():
            assert found.training == pytest.approx(one[way].training / workers)
            assert found.reading == one[way].reading


@pytest.mark.parametrize("worse", [{"latency": 1e-3}, {"bandwidth": 1e6}])
def test_a_worse_network_costs_more_and_most_where_messages_are_many(made, worse):
    link = {"latency": 0.0, "bandwidth": float("inf"), **worse}
    before = made.ways(made.cluster(4))
    after = made.ways(made.cluster(4, network=made.network.behind(**link)))
    added = {way: after[way].seconds - before[way].seconds for way in after}
    assert all(seconds > 0 for seconds in added.values())
    assert added["synchronous"] > added["local"]
    assert after["synchronous"].share > before["synchronous"].share


@pytest.mark.parametrize(
    "more", [{"rows": 24_000}, {"features": 198, "row_bytes": 200}, {"classes": 20}]
)
def test_more_of_anything_costs_no_less(made, more):
    before = made.ways(made.cluster(4))
    after = made.ways(made.cluster(4), problem=made.problem._replace(**more))
    assert all(after[way].seconds > before[way].seconds for way in after)


def test_an_all_reduces_bytes_level_off_and_its_latencies_do_not(made):
    Network, Cost = made.costs.Network, made.Cost
    of_bytes, of_latency = Network(Cost(0.0, 0.0), Cost(1.0, 0.0)), Network(*[Cost(1.0, 0.0)] * 2)
    assert [of_bytes.all_reduce(1, p).wall for p in (1, 2, 4)] == [0, 1, 1.5]
    assert of_bytes.all_reduce(1, 1000).wall < 2
    assert [of_latency.all_reduce(0, p).wall for p in (1, 2, 4, 1000)] == [0, 2, 6, 1998]


def test_sparse_rows_have_the_features_that_made_ones_have(made, module):
    matrix, _ = module("made_sparse").click_log(4096, 39 * 400, n_fields=39, n_classes=2)
    clicks = made.costs.Problem(4096, 39 * 400, 2, 312, non_zeros=39)
    for rows in (1, 16, 256):
        batches = [matrix[first : first + rows].indices for first in range(0, 4096, rows)]
        found = np.mean([len(np.unique(each)) for each in batches])
        assert clicks.touched(rows) == pytest.approx(found, rel=0.05)
    assert made.problem.touched(7) == 99


def test_steps_together_send_what_their_rows_have_and_tell_which_these_are(made):
    wide = made.costs.Problem(12_000, 1_000_000, 2, 312, non_zeros=39)
    small, large = (
        made.costs.synchronous(wide, made.rates, made.cluster(4), batch, 1) for batch in (10, 1000)
    )
    # 300 steps of 40 rows, in chunks of 672: gradients of float32 and numbers of int32.
    gradients = 4 * 2 * (wide.touched(40) + 1) + 4 * 4 * wide.touched(10)
    sums = 6 * (1 + 2 / 672)
    expected = sums * 1e-3 + 6 / 4 * gradients * 1e-8
    assert small.communicating == pytest.approx(300 * expected)
    of_all = made.costs.local_steps(wide, made.rates, made.cluster(4), 10, 1, 2)
    assert small.communicating < 2 * of_all.communicating / 10
    # Larger batches have more features in fewer messages.
    assert small.communicating / 100 < large.communicating < small.communicating


def test_what_sparse_steps_tell_is_what_workers_tell(made, monkeypatch):
    assert made.costs.CHUNK_ENTRIES == sparse_feed._CHUNK_ENTRIES
    monkeypatch.setattr(sparse_feed, "_CHUNK_ENTRIES", 500)
    split = Split(SparseRows(sparse_matrix(300, 700)), np.zeros(300, np.int32))

    def sums_of_chunks(workers):
        sums, sent = workers.sum, []
        workers.sum = lambda tensors: sent.append(tensors) or sums(tensors)
        shards = [range(100), range(100, 300)]
        feed = SparseShardFeed(split, 16, 0, 2**30, shards, workers.index, workers=workers)
        return len(sent), len(list(feed.epoch(0))), len(sent)

    for before, chunks, after in in_threads(2, sums_of_chunks):
        assert chunks > 3
        assert (before, after) == (0, made.costs.SUMS_OF_CHUNK * chunks)


def test_processes_that_share_cores_wait_for_them(made):
    busy = made.Cost(1.0, 1.0)
    seconds = [made.cluster(p, on_each=p).seconds(busy) for p in (1, 2, 4, 8)]
    assert seconds == [1, 1, 2, 4]
    assert made.cluster(8).seconds(busy) == 1


def test_rows_beyond_memory_are_read_again_by_one_and_refused_by_several(made):
    size = made.problem.bytes
    slow = {"memory": size / 3, "disk": size / 1000.0}
    found = made.costs.synchronous(made.problem, made.rates, made.cluster(1, **slow), 10, 3)
    # Read once, and then for every epoch's steps and its measuring.
    assert found.reading == 1000
    assert found.computing == pytest.approx(3 * (2 * 1000 + 12_000 * 1e-7))
    assert made.cluster(3, **slow).holds(made.problem)
    with pytest.raises(ValueError, match="2 workers do not hold"):
        made.ways(made.cluster(2, **slow))


def test_the_excess_of_few_rows_is_that_of_a_known_truth(made):
    # The mean of n tosses of a coin: what log-loss it loses on average, over all that may fall.
    coin = made.costs.Problem(rows=0, features=0, classes=2, row_bytes=0)
    q, n = 0.3, 500
    heads = np.arange(1, n)
    p = heads / n
    lost = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
    assert coin.excess(n) == pytest.approx((binom.pmf(heads, n, q) * lost).sum(), rel=0.01)


def _found(made):
    """Measurements of a machine that keeps to the formulas."""
    step, message, byte = made.Cost(2e-3, 1e-3), made.Cost(4e-4, 1e-4), made.Cost(1e-9, 1e-10)
    network = made.costs.Network(message, byte)
    found = {
        "cores": 2,
        "groups": (2, 4),
        "link": None,
        "evaluation": step,
        "order": step,
        "read": step,
    }
    solver = {"cost": made.Cost(4e-9, 7e-9), "leading": step, "inverse": made.Cost(0.3, 0.5)}
    found["newton"] = {**solver, "rows": 60_000, "messages": 3.5}
    for numbers in (1024, 1_000_000):
        found[f"message {numbers}"] = network.all_reduce(4 * numbers, 2)
    found["alone 64"], found["part 64"] = step, step
    for workers in (2, 4):
        cluster = made.cluster(workers, network=network, on_each=workers)
        silent = made.Cost(cluster.seconds(step), step.cpu)
        sent = network.all_reduce(4 * 7850, workers)
        found[f"silent {workers} 64"] = silent
        found[f"joined {workers} 64"] = silent + made.Cost(cluster.seconds(sent), sent.cpu)
        told = network.all_reduce(8 * 7850, workers)
        # 20 passes over all numbers, each worker's part on its part of two cores.
        rows = cluster.seconds(solver["cost"].times(60_000 * 784 / workers))
        seconds = 0.3 + 20 * (rows + step.wall + 3.5 * cluster.seconds(told))
        cpu = 0.5 + 20 * (7e-9 * 60_000 * 784 / workers + step.cpu + 3.5 * told.cpu)
        found[f"newton {workers}"] = {"passes": 20, "spent": (seconds, cpu)}
    return found, network


def test_what_keeps_to_the_formulas_is_predicted(made, module):
    found, network = _found(made)
    measured = module("figures").network(found)
    assert measured.message.wall == pytest.approx(network.message.wall, rel=1e-4)
    assert measured.byte.wall == pytest.approx(network.byte.wall, rel=1e-4)
    checks = list(module("figures").checks(found))
    assert [(check.workers, check.batch) for check in checks] == [(2, 64), (4, 64)]
    assert measured.message.cpu == pytest.approx(network.message.cpu, rel=1e-4)
    for check in checks:
        assert check.error == pytest.approx(0, abs=1e-4)
        assert check.predicted.share == pytest.approx(check.share, abs=1e-4)
    for check in module("figures").newton_checks(found):
        assert check.error == pytest.approx(0, abs=1e-4)
        assert check.error_cpu == pytest.approx(0, abs=1e-4)


def test_what_does_not_is_shown_to_be_off(made, module):
    found, _ = _found(made)
    found["joined 4 64"] = (found["joined 4 64"][0] * 2, 0.0)
    first, second = module("figures").checks(found)
    assert abs(first.error) < 1e-4
    assert second.error == pytest.approx(-0.5, abs=1e-4)


def test_what_calls_cost_is_counted_in_the_block_only(module):
    class Slow:
        def wait(self, seconds, twice=False):
            time.sleep(seconds * (1 + twice))
            return seconds

    slow = Slow()
    with module("one_process")._spent(Slow, ["wait"]) as costs:
        assert [slow.wait(0.01), slow.wait(0.02, twice=True)] == [0.01, 0.02]
    slow.wait(0.01)
    assert len(costs) == 2
    assert costs[0].wall >= 0.01
    assert costs[1].wall >= 0.04


def test_batches_that_were_not_measured_need_as_many_steps_as_smaller_ones(module):
    needed = module("paper").steps_needed
    found = {"steps": {"64": (3700, 0.27), "256": (3800, 0.27), "1024": (None, 0.3)}}
    assert [needed(found, batch) for batch in (32, 64, 256, 1024, 10**6)] == [
        None, 3700, 3800, 3800, 3800,
    ]  # fmt: skip


def test_without_the_right_to_make_one_there_is_no_link_and_nothing_is_left(module, monkeypatch):
    slow_link = module("link")
    monkeypatch.setattr(slow_link.shutil, "which", lambda name: None)
    with slow_link.link(1e6) as ends:
        assert ends is None


def test_a_link_is_as_slow_as_it_is_told_to_be(module):
    with module("link").link(1e6) as ends:
        if ends is None:
            pytest.skip("needs root, ip and tc")
        program = (
            "import socket, sys, time\n"
            "side, address = sys.argv[1:]\n"
            "if side == 'listen':\n"
            "    server = socket.create_server((address, 2000))\n"
            "    print('ready', flush=True)\n"
            "    peer = server.accept()[0]\n"
            "    peer.settimeout(20)\n"
            "    started, size = time.monotonic(), 0\n"
            "    while part := peer.recv(2**16):\n"
            "        size += len(part)\n"
            "    print(size / (time.monotonic() - started))\n"
            "else:\n"
            "    socket.create_connection((address, 2000), 20).sendall(bytes(500_000))\n"
        )

        def started(end, side):
            command = [*end.prefix, sys.executable, "-c", program, side, ends[0].address]
            return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

        with started(ends[0], "listen") as listener:
            assert listener.stdout.readline() == "ready\n"
            with started(ends[1], "send") as sender:
                assert sender.wait(60) == 0
            # The bucket's size and headers aside.
            assert 0.7e6 < float(listener.stdout.read()) < 1.05e6
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    assert f"tfsoftmax-{os.getpid()}-" not in namespaces


@pytest.mark.slow
def test_the_page_is_measured_and_says_what_was_found():
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "scale"), "--quick", "--mnist", "digits"],
        capture_output=True,
        text=True,
        timeout=PAGE_SECONDS,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < PAGE_SECONDS
    tables = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if "|" in line]
    checks = [row for row in tables if row[0] == "2" and row[1] in ("8", "32")]
    assert len(checks) == 3  # One of them in local steps.
    for row in checks:
        assert float(row[5].replace(",", "")) > 0
    top = "\n".join(done.stdout.splitlines()[:20])
    for word in ("200 GB", "four machines", "one machine stream", "--batch-size", "machine-hours"):
        assert word in top
