"""Files and locks, paths, and the start of TensorFlow."""
