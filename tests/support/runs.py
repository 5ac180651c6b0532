"""A short run and its bytes."""

from tfsoftmax import Candidate, Recipe
from tfsoftmax.training.resolved_recipe import ResolvedRecipe

# Choosing an l2 takes longer than these epochs.
RECIPE = Recipe(epochs=4, batch_size=10, learning_rate=0.5, schedule="constant", l2=0.01)


def bytes_of(result):
    return b"".join(parameter.numpy().tobytes() for parameter in result.model.parameters)


def candidate(l2, losses, accuracies, l1=0.0, learning_rate=0.5):
    recipe = ResolvedRecipe(epochs=10, batch_size=64, l2=l2, l1=l1, learning_rate=learning_rate)
    return Candidate(recipe, learning_rate, losses, accuracies)
