"""What the trainer and its listener say to each other: typed events and commands as JSON lines. Torch-free."""
