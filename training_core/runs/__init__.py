"""The folder of a run: what it was given, what it said, and its checkpoints."""
