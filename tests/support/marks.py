"""Marks of single cases of a test."""

import pytest


def slow(*values):
    """A case that takes long and rarely breaks, beside others that do the same in less time."""
    return pytest.param(*values, marks=pytest.mark.slow)


def slow_but(quick, values):
    """Cases of which all but a few are slow.

    Args:
      quick: those that are not.
      values: all of them, in order.
    """
    return [value if value in quick else slow(value) for value in values]
