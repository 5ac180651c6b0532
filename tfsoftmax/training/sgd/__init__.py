"""Stochastic gradient descent: batches of rows, the compiled loop, update rules, schedules."""
