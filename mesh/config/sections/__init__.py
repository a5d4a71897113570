"""The sections of `Pulumi.<stack>.yaml`, as users write them: one file for each."""
