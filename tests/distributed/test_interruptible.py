"""Connecting with other processes, where TensorFlow is not the one that is known."""

import signal

import pytest
from tensorflow.python import pywrap_tfe

from tfsoftmax.distributed import interruptible, unlocked


@pytest.mark.parametrize("libraries", [{}, {"cc": None, "framework": None}])
def test_tensorflow_connects_as_always_where_its_c_function_is_not_found(monkeypatch, libraries):
    called = []
    monkeypatch.setattr(pywrap_tfe, "TFE_EnableCollectiveOps", lambda *given: called.append(given))
    monkeypatch.setattr(unlocked, "_libraries", lambda: libraries)
    before = signal.getsignal(signal.SIGTERM), pywrap_tfe.TFE_EnableCollectiveOps
    with interruptible.signals_while_connecting():
        pywrap_tfe.TFE_EnableCollectiveOps("context", b"definition")
    assert called == [("context", b"definition")]
    assert (signal.getsignal(signal.SIGTERM), pywrap_tfe.TFE_EnableCollectiveOps) == before


def test_a_context_of_another_kind_is_left_to_tensorflow(monkeypatch):
    called = []
    monkeypatch.setattr(pywrap_tfe, "TFE_EnableCollectiveOps", lambda *given: called.append(given))
    with interruptible.signals_while_connecting():
        pywrap_tfe.TFE_EnableCollectiveOps(object(), b"definition")
    assert len(called) == 1
