"""Every example in a docstring runs, and everything public has a docstring."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import tfsoftmax

MODULES = [module.name for module in pkgutil.walk_packages(tfsoftmax.__path__, prefix="tfsoftmax.")]


@pytest.mark.parametrize("name", ["tfsoftmax", *MODULES])
def test_examples_run(name):
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert not results.failed


@pytest.mark.parametrize("name", tfsoftmax.__all__)
def test_public_names_exist_and_are_documented(name):
    value = getattr(tfsoftmax, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        assert inspect.getmodule(value).__name__.startswith(tfsoftmax._MODULE_OF[name])


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nonsense"):
        tfsoftmax.nonsense  # noqa: B018
    assert "fit" in dir(tfsoftmax)
