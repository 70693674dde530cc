"""UniSemAlign semi-supervised tissue segmentation, headless: no Qt, no napari, no import of torch at package level."""

__version__ = "0.1.0"
