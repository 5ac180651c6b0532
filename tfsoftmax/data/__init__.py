"""Reads data: a reader for each kind of source, all of which return a `Dataset`."""
