"""How fast it is: one module per `python -m training_core bench` target. Accuracy is `training_core.benchmark`'s."""
