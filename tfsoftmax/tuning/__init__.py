"""Chooses penalties and learning rate by cross-validation."""
