"""From a project's tiles to training batches: pixels in memory, weak and strong views, CutMix boxes."""
