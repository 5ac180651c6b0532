import pytest
import tensorflow as tf
from support.process import run_python

from tfsoftmax.system.startup import as_os_errors


@pytest.mark.slow
def test_tensorflow_starts_without_keras_which_still_loads_when_used_and_is_then_kept():
    script = """
        import sys
        from tfsoftmax.system.startup import import_tensorflow
        import_tensorflow()
        import tensorflow as tf
        assert "keras" not in sys.modules
        import tensorflow.keras
        from tensorflow.keras.layers import Dense
        assert tf.keras.layers.Dense is Dense
        assert tf.keras.optimizers.SGD(0.5).learning_rate == 0.5
        # A process that has TensorFlow with all of Keras keeps both as they are.
        optimizers = sys.modules["keras.src.optimizers"]
        import_tensorflow()
        assert sys.modules["keras.src.optimizers"] is optimizers
    """
    result = run_python(script)
    assert result.returncode == 0, result.stderr


def test_chatter_is_silenced_only_when_asked():
    script = """
        import os, sys
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = sys.argv[1]
        from tfsoftmax.system.startup import silence_native_log
        with silence_native_log():
            os.write(2, b"chatter\\n")
        os.write(2, b"after\\n")
    """
    assert run_python(script, "3").stderr == "after\n"
    assert run_python(script, "0").stderr == "chatter\nafter\n"


def test_errors_of_tensorflow_name_no_operation(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="^Not a directory$"), as_os_errors():
        tf.io.write_file(str(tmp_path / "file" / "x"), b"")
    said = "/disk/a; No space left on device [Op:SaveV2]"
    with pytest.raises(OSError, match="^No space left on device$"), as_os_errors():
        raise tf.errors.ResourceExhaustedError(None, None, said)
