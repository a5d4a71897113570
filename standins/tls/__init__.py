"""Stand-in for pulumi-tls: private keys, certificate requests and certificates."""
