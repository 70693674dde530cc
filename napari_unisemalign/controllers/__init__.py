"""What a click means: one controller for each concern, between the session, the views, the layers and the process."""
