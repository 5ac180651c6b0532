"""Where data comes from: readers, and the one `Dataset` they all return."""
