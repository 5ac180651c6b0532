"""Fitted models of other libraries as softmax regressions, and back."""
