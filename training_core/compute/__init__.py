"""Where and by how many the work is done: device and precision, and the processes that torchrun starts."""
