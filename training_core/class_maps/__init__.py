"""What needs no network to be done with a map of class ids: accept, clean up, write, score. Torch-free."""
