"""What the stacks of one mesh tell each other."""
