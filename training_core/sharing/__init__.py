"""A trained run for others: a folder that predicts without the project, an ONNX graph, a bioimage.io package."""
