"""Train: start, follow and stop a training, its settings and its chart."""
