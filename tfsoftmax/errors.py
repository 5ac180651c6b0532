"""Everything that tfsoftmax raises on purpose; each message says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfsoftmax.messages import Message, options_in, setting

if TYPE_CHECKING:
    from tfsoftmax.export.export import ExportResult

# Exit code of a command that lost another process: the same command may succeed if it is run again.
# sysexits.h calls it EX_TEMPFAIL.
TRY_AGAIN = 75


class TfsoftmaxError(Exception):
    """Base of all errors that are the input's or the machine's fault, not a bug."""

    @property
    def options(self) -> tuple[str, ...]:
        """The options that the message names, as Python calls them.

        >>> UsageError("give " + setting("momentum", 0.9)).options
        ('momentum',)
        """
        return options_in(self)


class UsageError(TfsoftmaxError):
    """An option or a name that cannot mean anything, whatever the data is."""


class ArgumentError(UsageError, ValueError):
    """An argument of an estimator that cannot mean anything: a ValueError, as scikit-learn's."""


class DataError(TfsoftmaxError):
    """A data source that cannot be read, or whose content cannot be trained on."""


class UnknownDatasetError(DataError):
    """A dataset name that no source answers to."""


class UnansweredError(DataError):
    """A row that a model has no answer for, as its scores leave float32's numbers."""


class UnknownCategoryWarning(UserWarning):
    """Rows with categories that an estimator was not fitted on; its answers do without them."""


class DivergenceError(TfsoftmaxError):
    """Training whose loss left the finite numbers.

    Attributes:
      epoch: the epoch it happened in, from 1.
      step: the step within the whole run, from 1.
    """

    def __init__(
        self,
        epoch: int,
        step: int,
        loss: float,
        learning_rate: float,
        l2: float = 0.0,
        suited: float | None = None,
    ):
        self.epoch, self.step = epoch, step
        cure = f"try a smaller one, for example {learning_rate / 10:.2g}"
        if suited is not None and suited < learning_rate:
            cure = "try a smaller one: " + setting("learning_rate", "auto") + f" takes {suited:g}"
        if l2 * learning_rate >= 2:  # each step then turns W round and makes it longer
            lower = f"{0.1 / learning_rate:.2g}"
            cure = (
                f"times l2 {l2:g} it must be below 2: lower "
                + setting("l2")
                + f", for example to {lower}"
            )
        super().__init__(
            f"training diverged at step {step} (epoch {epoch}): the loss became {loss} "
            f"at learning rate {learning_rate:g}; " + cure
        )


class MachineError(TfsoftmaxError):
    """A machine, or a limit set on it, that does not let TensorFlow run."""


class PeerError(TfsoftmaxError):
    """Another process of a run that did not come, or is gone; the run can be tried again."""


class ModelError(TfsoftmaxError):
    """A path that holds no model this package can run, or input that does not fit it."""


class UnknownModelError(ModelError):
    """A path of a model at which there is nothing."""


class ConversionError(ModelError):
    """A model of another library that has no equal here, or whose equal would answer otherwise."""


class CheckpointError(TfsoftmaxError):
    """A saved run that cannot be resumed."""


class ExportError(TfsoftmaxError):
    """A model that could not be written, or whose written form disagrees with it."""


class IncompleteExportError(ExportError):
    """A model that was exported without some of the files asked for.

    Attributes:
      result: what was written and proven, and in `failed` what was not, and why.
    """

    def __init__(self, result: ExportResult):
        self.result = result
        missing = Message("; ").join(f"{file}: " + why for file, why in result.failed.items())
        super().__init__(f"{result.path}: exported without " + missing)
