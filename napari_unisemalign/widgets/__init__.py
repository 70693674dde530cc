"""The panel, one file per part of a step. Views are signals and setters; the controllers decide what a click means."""
