"""Independent random streams, all drawn from one seed."""

WEIGHTS_STREAM = 0
ORDER_STREAM = 1
DRAWING_STREAM = 2
DIRECTIONS_STREAM = 3
SHARDS_STREAM = 4
START_STREAM = 5
