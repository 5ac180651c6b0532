"""Training as scikit-learn's users know it: objects with `fit` and `predict`."""
