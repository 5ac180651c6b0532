"""Exports models, and checks that the files predict the same as the model in memory."""
