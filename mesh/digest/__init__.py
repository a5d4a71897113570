"""A preview of Pulumi's for people: what it does to each cluster, and what of that is dangerous."""
