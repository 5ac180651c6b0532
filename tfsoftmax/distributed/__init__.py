"""Processes that train one model together: which they are, and what they tell each other."""
