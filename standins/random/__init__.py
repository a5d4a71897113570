"""Stand-in for pulumi-random: IDs, passwords, strings and numbers that stay what they are."""
