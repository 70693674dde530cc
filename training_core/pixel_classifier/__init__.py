"""A small pixel classifier on frozen features: the first overlay seconds after the start, and the live preview."""
