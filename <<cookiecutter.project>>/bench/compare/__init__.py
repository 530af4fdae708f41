"""The project against the bare libraries, Evidently and Spark."""
