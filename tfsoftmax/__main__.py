"""``python -m tfsoftmax`` is the command ``tfsoftmax``."""

from tfsoftmax.cli.main import main

if __name__ == "__main__":
    main(prog_name="tfsoftmax")
