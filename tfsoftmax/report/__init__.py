"""What is said and shown of a run: how far it converged, the model card, plots."""
