"""What the package needs of the machine: files, locks, TensorFlow's start."""
