"""How fast it is: one module per `python -m training_core bench` target."""
