"""The panel, one file per section. Views are signals and setters; what a click means is decided by the controllers."""
