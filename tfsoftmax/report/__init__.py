"""Reports on a run: whether it converged, the model card, TensorBoard, plots."""
