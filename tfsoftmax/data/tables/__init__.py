"""Reads the columns of tables: which ones to use, and how numbers written as text are parsed."""
