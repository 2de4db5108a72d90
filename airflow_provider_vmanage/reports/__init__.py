"""Pages about what was done, for people who were not there."""
