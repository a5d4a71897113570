"""Stack files from meshes that are there, or that another tool was to build."""
