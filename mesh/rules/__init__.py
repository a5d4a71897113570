"""What must hold between settings, each rule by itself. Pure."""
