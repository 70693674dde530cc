"""What every other package may import: errors, translation, process priority, constants and array types. Torch-free."""
