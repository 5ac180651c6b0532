"""Newton's method: the minimum of the objective, and a proof of how near it is."""
