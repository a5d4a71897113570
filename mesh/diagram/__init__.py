"""The mesh as a picture, from its configuration, with what a check has found."""
