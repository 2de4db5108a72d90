"""What the code assumes about a manager, as one table, and a check of each assumption against a real one."""
