"""Marks of single cases of a test."""

import pytest


def slow(*values):
    """A case that takes long and rarely breaks, beside others that do the same in less time."""
    return pytest.param(*values, marks=pytest.mark.slow)
