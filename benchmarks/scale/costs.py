"""What training costs on several workers: from measured rates to seconds, by arithmetic alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from shared import Cost

_FLOAT32, _FLOAT64, _INT32 = 4, 8, 4
# Of sparse rows, workers tell each other the features of as many steps as have so many entries
# (`sparse_feed`), in so many sums (`sparse_shard_feed`).
CHUNK_ENTRIES, SUMS_OF_CHUNK = 2**20, 2


class Problem(NamedTuple):
    """The rows, and what is learnt from them.

    Attributes:
      rows, features, classes: how many.
      row_bytes: of a row's features, in a file and in memory.
      non_zeros: of a sparse row, one in each of as many fields of features; None for dense rows.

    >>> digits = Problem(60_000, 784, 10, 784)
    >>> digits.parameters, digits.numbers, digits.bytes
    (7850, 784, 47040000)
    """

    rows: int
    features: int
    classes: int
    row_bytes: int
    non_zeros: int | None = None

    @property
    def parameters(self) -> int:
        """Weights and biases: the numbers in a message."""
        return (self.features + 1) * self.classes

    @property
    def numbers(self) -> int:
        """Numbers of a row that are multiplied for each class."""
        return self.non_zeros or self.features

    def touched(self, rows: float) -> float:
        """How many features so many rows have among them, on average: of dense rows all.

        Which one a sparse row has of a field is taken to follow Zipf's law, as in click logs:
        the k-th most frequent is in a row with a probability p in proportion to 1 / k, and in
        none of n rows with (1 - p)^n.

        >>> clicks = Problem(10**9, 1_000_000, 2, 39 * 8, non_zeros=39)
        >>> [round(clicks.touched(rows)) for rows in (1, 1024, 10**9)]
        [39, 22383, 1000000]
        """
        if self.non_zeros is None:
            return self.features
        chances = 1 / np.arange(1, self.features // self.non_zeros + 1)
        none = (1 - chances / chances.sum()) ** rows
        return self.features * float(np.mean(1 - none))

    @property
    def bytes(self) -> int:
        """Of all rows."""
        return self.rows * self.row_bytes

    def excess(self, rows: float) -> float:
        """Log-loss, in nats, that training on so many of the rows costs against endless ones.

        For a model that can be true it is k / 2n, with k free parameters; the probabilities of
        all classes add up to 1, so one class has none. Reference: Akaike, A new look at the
        statistical model identification (1974).

        >>> round(Problem(60_000, 784, 10, 784).excess(60_000), 4)
        0.0589
        """
        return (self.features + 1) * (self.classes - 1) / (2 * rows)


class Network(NamedTuple):
    """What a message from one worker to the next costs: an empty one, and each byte."""

    message: Cost
    byte: Cost

    def all_reduce(self, size: float, workers: int) -> Cost:
        """What each worker spends until all of them have the sum of their `size` bytes.

        In a ring that is 2 (p - 1) messages one after the other, each of a p-th of the bytes.
        Reference: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of
        workstations (2009).

        >>> Network(Cost(0.001, 0.0), Cost(1e-6, 0.0)).all_reduce(4000, workers=4).wall
        0.012
        """
        return (self.message + self.byte.times(size / workers)).times(2 * (workers - 1))

    def behind(self, latency: float, bandwidth: float) -> Network:
        """The same software over a link of so many seconds and bytes a second.

        >>> Network(Cost(0.001, 0.0), Cost(1e-9, 0.0)).behind(0.0005, 1e6)
        Network(message=Cost(wall=0.0015, cpu=0.0), byte=Cost(wall=1e-06, cpu=0.0))
        """
        byte = Cost(max(self.byte.wall, 1 / bandwidth), self.byte.cpu)
        return Network(self.message + Cost(latency, 0.0), byte)


class Cluster(NamedTuple):
    """Equal machines.

    Attributes:
      workers: on all of them.
      network: between workers.
      cores: of a machine.
      on_each: workers on each machine.
      memory: bytes for a worker's rows.
      disk: bytes a second that a machine reads.
    """

    workers: int
    network: Network
    cores: int
    on_each: int = 1
    memory: float = float("inf")
    disk: float = float("inf")

    def seconds(self, cost: Cost) -> float:
        """How long it takes if all workers do it at once.

        It is no less than one of them takes, and no less than its machine's cores take for all.
        Reference: Graham, Bounds for certain multiprocessing anomalies (1966).

        >>> four = Cluster(4, Network(Cost(0.0, 0.0), Cost(0.0, 0.0)), cores=2, on_each=4)
        >>> four.seconds(Cost(1.0, 1.0)), four.seconds(Cost(1.0, 0.25))
        (2.0, 1.0)
        """
        return max(cost.wall, self.on_each * cost.cpu / self.cores)

    def holds(self, problem: Problem) -> bool:
        """Whether the workers' memory holds the rows, each its part."""
        return problem.bytes <= self.workers * self.memory


class Rates(NamedTuple):
    """What was measured of one process.

    Attributes:
      steps: of steps of different sizes, the numbers in their rows and their cost.
      shared_steps: the same of steps that are taken with other workers, without the messages.
      newton: of a number in one of newton's passes.
      leading: of newton's solver, for each pass: what it does beside going through the rows.
      inverse: of the approximate inverse of the Hessian that newton begins with, from a few
        thousand rows whatever their number.
      messages: all-reduces in one of newton's passes: what the chief asks for, and the sums.
      evaluation: of a number, where a model is measured.
      order: of a row whose place in an epoch is drawn: of all, if every step is taken together.
      read: of a byte of the source.
    """

    steps: tuple[tuple[float, Cost], ...]
    shared_steps: tuple[tuple[float, Cost], ...]
    newton: Cost
    leading: Cost
    inverse: Cost
    messages: float
    evaluation: Cost
    order: Cost
    read: Cost


class Estimate(NamedTuple):
    """Seconds: to read the source, to compute, and to communicate."""

    reading: float
    computing: float
    communicating: float

    @property
    def seconds(self) -> float:
        """All of them."""
        return sum(self)

    @property
    def training(self) -> float:
        """Those of training, once the rows are read."""
        return self.computing + self.communicating

    @property
    def share(self) -> float:
        """Which share of training is communication.

        >>> Estimate(reading=5.0, computing=3.0, communicating=1.0).share
        0.25
        """
        return self.communicating / self.training

    def machine_hours(self, cluster: Cluster) -> float:
        """What it costs: multiply by the price of a machine's hour."""
        return self.seconds / 3600 * cluster.workers / cluster.on_each


def step_cost(steps: tuple[tuple[float, Cost], ...], numbers: float) -> Cost:
    """Of a step with so many numbers in its rows, on the line between those that were measured.

    Smaller ones cost as much as the smallest; larger ones have the largest's cost of a number.

    >>> measured = ((100, Cost(1.0, 1.0)), (300, Cost(2.0, 4.0)))
    >>> step_cost(measured, 200)
    Cost(wall=1.5, cpu=2.5)
    >>> step_cost(measured, 10).wall, step_cost(measured, 600).wall
    (1.0, 4.0)
    """
    before, cost = steps[0]
    for size, other in steps:
        if numbers <= size:
            share = max(0.0, numbers - before) / (size - before) if size > before else 0.0
            return cost + (other - cost).times(share)
        before, cost = size, other
    return cost.times(numbers / before)


def synchronous(
    problem: Problem, rates: Rates, cluster: Cluster, batch: float, epochs: float
) -> Estimate:
    """Every step is one of all workers, `batch` rows of each, and ends with an all-reduce."""
    alone = cluster.workers == 1
    steps = rates.steps if alone else rates.shared_steps
    return _descent(problem, rates, cluster, steps, batch, epochs, 1, problem.rows)


def local_steps(
    problem: Problem, rates: Rates, cluster: Cluster, batch: float, epochs: float, every: int
) -> Estimate:
    """Every worker takes `every` steps of `batch` rows, then all take the mean of their weights."""
    own = problem.rows / cluster.workers
    return _descent(problem, rates, cluster, rates.steps, batch, epochs, every, own)


def exact(
    problem: Problem, rates: Rates, cluster: Cluster, batch: float, passes: float, every: int
) -> Estimate:
    """An epoch of local steps, then newton's passes."""
    begun = local_steps(problem, rates, cluster, batch, 1, every)
    solved = newton(problem, rates, cluster, passes)
    return Estimate(*(sum(parts) for parts in zip(begun, solved, strict=True)))


def newton(problem: Problem, rates: Rates, cluster: Cluster, passes: float) -> Estimate:
    """Newton's passes: the chief tells where, and all add up what they find in their rows.

    Each message is an all-reduce of as many float64 as there are parameters. Between passes the
    chief works alone, with all cores of its machine, however many workers wait for it.
    Reference: Amdahl, Validity of the single processor approach to achieving large scale
    computing capabilities (1967).

    >>> def of(wall):
    ...     return Cost(wall, 0.0)
    >>> rates = Rates((), (), of(1e-6), of(0.1), of(2.0), 3.5, *3 * [of(0.0)])
    >>> problem, network = Problem(1_000_000, 10, 2, 10), Network(of(0.0), of(0.0))
    >>> [newton(problem, rates, Cluster(p, network, 2), passes=1).seconds for p in (1, 10, 1000)]
    [12.1, 3.1, 2.11]
    """
    own = cluster.seconds(rates.newton.times(problem.rows * problem.numbers / cluster.workers))
    alone = rates.inverse.wall + passes * rates.leading.wall
    message = cluster.network.all_reduce(_FLOAT64 * problem.parameters, cluster.workers)
    sums = rates.messages * cluster.seconds(message) if cluster.workers > 1 else 0.0
    return Estimate(0.0, passes * _through(problem, rates, cluster, own) + alone, passes * sums)


def step(
    problem: Problem,
    steps: tuple[tuple[float, Cost], ...],
    cluster: Cluster,
    batch: float,
    steps_a_message: float = 1,
) -> Estimate:
    """A step of `batch` rows of each worker, and its share of the message that follows it."""
    sent = _of_gradients if steps_a_message == 1 else _of_weights
    return Estimate(
        0.0,
        cluster.seconds(step_cost(steps, batch * problem.numbers)),
        cluster.seconds(sent(problem, cluster, batch)) / steps_a_message,
    )


def _of_weights(problem: Problem, cluster: Cluster, batch: float) -> Cost:
    """What it costs to send all weights."""
    return cluster.network.all_reduce(_FLOAT32 * problem.parameters, cluster.workers)


def _of_gradients(problem: Problem, cluster: Cluster, batch: float) -> Cost:
    """What it costs to send the gradients of a step, of the features that its rows have.

    Before that, those of sparse rows are told, each worker's in the place of its own and for many
    steps at a time.

    >>> network = Network(Cost(0.0, 0.0), Cost(1e-6, 0.0))
    >>> four, dense = Cluster(4, network, cores=2), Problem(10**6, 999, 2, 999)
    >>> _of_gradients(dense, four, 64) == network.all_reduce(8000, 4)
    True
    >>> sent = _of_gradients(dense._replace(non_zeros=9), four, 1e9)
    >>> round(sent.wall / network.all_reduce(1, 4).wall)
    23984
    """
    workers, network = cluster.workers, cluster.network
    rows = batch * workers
    touched = problem.touched(rows)
    gradients = network.all_reduce(_FLOAT32 * (touched + 1) * problem.classes, workers)
    if problem.non_zeros is None:
        return gradients
    told = network.all_reduce(_INT32 * workers * problem.touched(batch), workers)
    small = network.all_reduce(0, workers)
    steps = max(1, CHUNK_ENTRIES // (rows * problem.non_zeros))
    # The bytes are those of each step, the messages one chunk's.
    return gradients + (told - small) + small.times(SUMS_OF_CHUNK / steps)


def _descent(
    problem: Problem,
    rates: Rates,
    cluster: Cluster,
    steps: tuple[tuple[float, Cost], ...],
    batch: float,
    epochs: float,
    steps_a_message: int,
    drawn: float,
) -> Estimate:
    own = problem.rows / cluster.workers
    one = step(problem, steps, cluster, batch, steps_a_message)
    order = cluster.seconds(rates.order.times(drawn))
    evaluation = cluster.seconds(rates.evaluation.times(own * problem.numbers))
    return Estimate(
        _reading(problem, rates, cluster),
        epochs * order
        + epochs * _through(problem, rates, cluster, own / batch * one.computing)
        + epochs * _through(problem, rates, cluster, evaluation),
        epochs * own / batch * one.communicating,
    )


def _reading(problem: Problem, rates: Rates, cluster: Cluster) -> float:
    """Every worker reads the whole source once."""
    computed = cluster.seconds(rates.read.times(problem.bytes))
    return max(computed, cluster.on_each * problem.bytes / cluster.disk)


def _through(problem: Problem, rates: Rates, cluster: Cluster, computing: float) -> float:
    """Seconds to go through all rows; those that memory does not hold are read meanwhile.

    Raises:
      ValueError: if several workers do not hold them: only one process streams.
    """
    if cluster.holds(problem):
        return computing
    if cluster.workers > 1:
        raise ValueError(f"{cluster.workers} workers do not hold {problem.bytes:,} bytes")
    return max(computing, _reading(problem, rates, cluster))
