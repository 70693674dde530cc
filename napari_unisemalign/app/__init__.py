"""What every place of the window stands on: state, layers, processes, saved labels, messages."""
