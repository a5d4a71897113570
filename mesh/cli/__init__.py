"""What is done with a mesh beside `pulumi up`: `python -m mesh`."""
