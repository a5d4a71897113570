"""The stack's configuration: typed, frozen, checked as a whole before any resource is registered."""
