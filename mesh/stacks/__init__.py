"""What the stacks of one mesh state to each other, and how one stack reads another."""
