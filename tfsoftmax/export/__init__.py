"""Out to where models live: files written whole and proven equal to the model."""
