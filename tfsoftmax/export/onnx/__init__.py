"""ONNX: the form that runtimes outside TensorFlow's family take."""
