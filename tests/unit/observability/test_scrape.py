"""What is scraped, in Prometheus' form and in that of the Prometheus Operator."""

from mesh.observability.scrape import monitors, scrape_configuration


def test_both_forms_have_the_same_jobs_with_the_same_labels() -> None:
    """Rules and dashboard select by them."""
    jobs = {job["job_name"]: job for job in scrape_configuration("east")["scrape_configs"]}
    found = {monitor.name: monitor.spec for monitor in monitors("east")}
    assert jobs.keys() == found.keys()
    for name, job in jobs.items():
        (endpoint,) = found[name].get("endpoints") or found[name]["podMetricsEndpoints"]
        fixed = {r["target_label"]: r["replacement"] for r in job["relabel_configs"] if "replacement" in r}
        assert fixed == {"job": name, "cluster": "east"}
        assert fixed == {
            r["targetLabel"]: r["replacement"] for r in endpoint["relabelings"] if "replacement" in r
        }
        assert endpoint.get("path", "/metrics") == job.get("metrics_path", "/metrics")


def test_the_label_of_the_operators_form_is_in_camel_case() -> None:
    """It takes no other."""
    (istiod,) = [m for m in monitors("east") if m.kind == "ServiceMonitor"]
    (endpoint,) = istiod.spec["endpoints"]
    assert endpoint["metricRelabelings"][0] == {
        "sourceLabels": ["exported_cluster"],
        "targetLabel": "remote_cluster",
    }
