"""The commands beside `pulumi up`: `python -m mesh`."""
