"""Monitoring a mesh of clusters: what is scraped, alerts, a dashboard, and Kiali's access."""
