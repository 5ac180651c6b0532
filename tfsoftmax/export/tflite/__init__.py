"""TFLite files: made, described, proven."""
