"""The mesh's certificate authorities."""
