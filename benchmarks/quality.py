"""How good the models are: measures every figure of docs/quality.md and writes it.

python benchmarks/quality.py [--mnist DATASET]
"""

from __future__ import annotations

import click
from shared import mnist_option, table_head, table_row, write_page

from tfsoftmax import RECIPES, Dataset, History, fit, load_dataset

SEEDS = (0, 1, 2)

# Moving loss, training and test accuracy of epochs 0 to 9, as printed in the tutorial's
# own notebook (The Straight Dope, "Multiclass logistic regression from scratch", P02-C03).
PUBLISHED = (
    (1.3646, 0.7543, 0.7630),
    (0.9777, 0.8104, 0.8186),
    (0.8247, 0.8355, 0.8423),
    (0.7356, 0.8492, 0.8569),
    (0.6757, 0.8580, 0.8661),
    (0.6320, 0.8648, 0.8718),
    (0.5982, 0.8704, 0.8759),
    (0.5710, 0.8741, 0.8792),
    (0.5486, 0.8779, 0.8804),
    (0.5295, 0.8807, 0.8835),
)


def histories(dataset: Dataset, recipe_name: str, **changes: int) -> list[History]:
    recipe = RECIPES[recipe_name]
    return [fit(dataset, recipe.but(seed=seed, **changes)).history for seed in SEEDS]


def tutorial_table(mnist: Dataset) -> list[str]:
    runs = histories(mnist, "tutorial")
    ours = [name for seed in SEEDS for name in (f"seed {seed}: loss", "train", "test")]
    lines = table_head(["epoch", "published loss", "train", "test", *ours])
    for index, published in enumerate(PUBLISHED):
        figures = [
            figure
            for run in runs
            for figure in (
                run.epochs[index].moving_loss,
                run.epochs[index].train_accuracy,
                run.epochs[index].test_accuracy,
            )
        ]
        cells = [f"{figure:.4f}" for figure in (*published, *figures)]
        lines.append(table_row([str(index + 1), *cells]))
    return lines


def default_table(mnist: Dataset) -> list[str]:
    lines = table_head(["seed", "epochs", "test accuracy", "test log-loss"])
    for seed, run in zip(SEEDS, histories(mnist, "default"), strict=True):
        last = run.last
        figures = f"{last.test_accuracy:.4f}", f"{last.test_log_loss:.4f}"
        lines.append(table_row([str(seed), str(last.epoch), *figures]))
    return lines


def epochs_table(name: str, counts: tuple[int, ...]) -> list[str]:
    dataset = load_dataset(name)
    settled = RECIPES["default"].epochs_for(len(dataset.train))
    lines = table_head([f"`{name}`: epochs", "steps", "test accuracy", "test log-loss"])
    for count in sorted({*counts, settled}):
        runs = [run.last for run in histories(dataset, "default", epochs=count)]
        accuracy = sum(run.test_accuracy for run in runs) / len(runs)
        log_loss = sum(run.test_log_loss for run in runs) / len(runs)
        chosen = " (what the recipe takes)" if count == settled else ""
        figures = f"{runs[0].steps:,}", f"{accuracy:.4f}", f"{log_loss:.4f}"
        lines.append(table_row([f"{count}{chosen}", *figures]))
    return lines


@click.command()
@mnist_option
def main(mnist: Dataset) -> None:
    """Measure everything and write docs/quality.md."""
    sections = {
        "The tutorial, reproduced": (
            "`--recipe tutorial` on MNIST: W and b from N(0, 1), batches of 64, learning rate "
            "0.001 on the summed batch loss, 10 epochs. The published columns are what the "
            "tutorial's own notebook prints (The Straight Dope, *Multiclass logistic regression "
            "from scratch*, notebook P02-C03). Other editions print slightly different numbers; "
            "the edition this project started from prints 1.330, 0.755, 0.766 after the first "
            "epoch and 0.528, 0.881, 0.884 after the last. Loss is the moving average of the "
            "batches' mean losses, with smoothing 0.01.",
            tutorial_table(mnist),
        ),
        "The default recipe": (
            "`--recipe default` on MNIST: W and b start at 0, batches of 64, a learning rate that "
            "is derived from the data and follows a cosine to 0.",
            default_table(mnist),
        ),
        "How many epochs small data needs": (
            "The same recipe on small data; means of three seeds. Ten epochs have too few steps "
            "there, so unless `--epochs` is given the recipe trains for at least 1,500 steps.",
            [*epochs_table("mnist5k", (10, 50, 100)), "", *epochs_table("digits", (10, 30, 150))],
        ),
    }
    page = [
        "# Quality",
        "",
        "Written by `python benchmarks/quality.py`, which measures everything here.",
        "Test rows are never trained on, and the number of epochs was not chosen by their results;",
        "the last section only illustrates that choice.",
    ]
    for title, (text, table) in sections.items():
        page += ["", f"## {title}", "", text, "", *table]
    write_page("quality.md", page)


if __name__ == "__main__":
    main()
