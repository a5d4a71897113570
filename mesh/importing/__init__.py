"""Stack files from existing meshes, or from the configuration of another tool."""
