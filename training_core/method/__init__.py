"""UniSemAlign itself, one to one with docs/method.md: batch, losses, pseudo-labels, step."""
