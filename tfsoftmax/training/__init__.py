"""Trains a model on a dataset, with the options of a recipe."""
