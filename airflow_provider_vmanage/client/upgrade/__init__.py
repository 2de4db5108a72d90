"""A fleet brought to a version: plan, waves, run and report."""
