"""One of the processes that are measured; it is asked over standard input, in JSON.

worker.py FOLDER, whose rows are those of stream.py. TF_CONFIG says which others it works with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from tfsoftmax import join_workers
from tfsoftmax.system.startup import import_tensorflow, quieten

_JOIN_SECONDS = 240.0


def main(folder: str) -> None:
    """Answers requests for what a function returns, with these arguments, until one to end."""
    quieten()
    import_tensorflow()
    joined = join_workers(_JOIN_SECONDS)
    import one_process
    import several

    measured = several.Measured(folder, joined)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        name = request["do"]
        if name == "end":
            break
        function = getattr(measured, name, None) or getattr(one_process, name)
        print(json.dumps(function(**request["with"])), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
