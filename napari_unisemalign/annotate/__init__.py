"""Annotate and review: classes, painting, overlays, accept and reject, undo."""
