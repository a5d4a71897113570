"""How the clusters' control planes find each other's services."""
