"""Describes a source before training: columns, ranges, classes, and what to correct."""

from tfsoftmax.data.inspection.described import Column as Column
from tfsoftmax.data.inspection.described import Entries as Entries
from tfsoftmax.data.inspection.described import Inspection as Inspection
from tfsoftmax.data.inspection.inspect import inspect_dataset as inspect_dataset
from tfsoftmax.data.inspection.inspect import inspect_table as inspect_table
