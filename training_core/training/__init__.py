"""One run of training from the checks before it to its last prediction."""
