"""What is advised in more than one place."""

PUT_BACK = "`pulumi up` puts it back (with `--refresh` where Pulumi does not know that it is gone)"
