"""Penalties and learning rate chosen by cross-validation."""
