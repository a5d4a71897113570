"""A stand-in for Pulumi's Kubernetes provider: objects of any kind and Helm releases."""
