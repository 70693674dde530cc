"""Building blocks that the views of several places share."""
