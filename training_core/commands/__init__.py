"""One module per command of `python -m training_core`: `add_arguments` describes it, `run` does it."""
