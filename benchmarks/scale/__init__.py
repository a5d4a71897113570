"""Program and engine for many clusters, without any cluster: providers answer from memory."""
