"""The window driven without a user, and what is measured with it."""
