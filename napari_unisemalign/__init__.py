"""The window: a napari plugin around `training_core`.

It imports nothing by itself, so that napari can read the manifest without loading Qt or the project store.
"""
