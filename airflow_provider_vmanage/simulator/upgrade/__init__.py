"""Actions on devices: bodies, the course of each action, tasks and their status."""
