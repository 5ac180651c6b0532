"""Stochastic gradient descent by hand: what it is fed, the compiled loop, the update rule."""
