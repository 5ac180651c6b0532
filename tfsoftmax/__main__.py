"""``python -m tfsoftmax`` is the command ``tfsoftmax``."""

from tfsoftmax.cli._entry import tfsoftmax

if __name__ == "__main__":
    tfsoftmax()
