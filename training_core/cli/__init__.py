"""The command line: `main`, and one module per command (`add_arguments` describes it, `run` does it)."""
