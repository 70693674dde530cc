"""One module per file format: what a file says of itself, and its numbers as they are stored."""
