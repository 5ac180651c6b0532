"""Command line of tfsoftmax: one command a file; each parses, calls the library, prints."""
