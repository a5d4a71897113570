"""Which mesh configurations istiod takes as they are meant."""

from typing import Any

import pytest

from mesh.istio.mesh_config import definition, differences, mistakes
from sandbox import versions


def test_the_definition_is_of_the_istio_that_is_pinned() -> None:
    """`make mesh-config` renews it."""
    assert definition().source == f"istio.io/api {versions.ISTIO_API}"
    assert definition().minor == tuple(int(part) for part in versions.ISTIO.split(".")[:2])


@pytest.mark.parametrize(
    "document",
    [
        {"defaultConfig": {"proxyMetadata": {"PROXY_CONFIG_XDS_AGENT": "true"}}},
        {
            "defaultConfig": {
                "concurrency": 2,
                "drainDuration": "1m30s",
                "holdApplicationUntilProxyStarts": True,
            }
        },
        {"defaultConfig": {"concurrency": 2.0, "tracing": {"sampling": 0.5}}},
        {"defaultConfig": {"tracing": {"sampling": 100}, "proxyHeaders": {"server": {"disabled": True}}}},
        {"accessLogFile": "/dev/stdout", "accessLogEncoding": "JSON", "outboundTrafficPolicy": {"mode": 1}},
        {"trust_domain": "cluster.local", "trustDomainAliases": ["old.example.com"], "ca": None},
        {"extensionProviders": [{"name": "z", "zipkin": {"service": "z.ns.svc", "port": "9411"}}]},
        {"extensionProviders": [{"name": "l", "envoyFileAccessLog": {"logFormat": {"labels": {"a": 1}}}}]},
        {"discoverySelectors": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]},
        {},
    ],
)
def test_what_istiod_takes_is_taken(document: dict[str, Any]) -> None:
    """By protobuf's JSON in Go: two spellings of names, numbers as text, names or numbers of enums."""
    assert list(mistakes(document)) == []


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        (
            {"defaultConfig": {"proxyMetadata": {"PROXY_CONFIG_XDS_AGENT": True}}},
            "defaultConfig.proxyMetadata.PROXY_CONFIG_XDS_AGENT",
            'expected text, got true; write "true" in quotes, or use `pulumi config set --type string --pa',
        ),
        ({"accessLogFile": 1}, "accessLogFile", 'expected text, got 1; write "1" in quotes, or use'),
        ({"accessLogFile": ["a"]}, "accessLogFile", "expected text, got a list"),
        ({"defaultConfig": "text"}, "defaultConfig", 'expected a map, got "text"'),
        (
            {"defaultConfig": {"proxyMetadata": []}},
            "defaultConfig.proxyMetadata",
            "expected a map, got a list",
        ),
        ({"defaultConfig": {"concurrency": "two"}}, "defaultConfig.concurrency", "expected a whole number"),
        (
            {"defaultConfig": {"concurrency": 1.5}},
            "defaultConfig.concurrency",
            "expected a whole number, got 1.5",
        ),
        ({"defaultConfig": {"drainDuration": 45}}, "defaultConfig.drainDuration", "expected a duration"),
        (
            {"defaultConfig": {"tracing": {"sampling": True}}},
            "defaultConfig.tracing.sampling",
            "expected a number, got true",
        ),
        ({"enableTracing": "true"}, "enableTracing", 'expected true or false without quotes, got "true"'),
        (
            {"outboundTrafficPolicy": {"mode": "REGISTRY"}},
            "outboundTrafficPolicy.mode",
            "expected one of REGISTRY_ONLY, ALLOW_ANY,",
        ),
        ({"trustDomainAliases": "old"}, "trustDomainAliases", 'expected a list, got "old"'),
        (
            {"extensionProviders": [{}, {"zipkin": {"port": -1}}]},
            "extensionProviders[1].zipkin.port",
            "expected a whole number of at least 0, got -1",
        ),
    ],
)
def test_a_value_of_another_type_costs_the_whole_configuration(
    document: dict[str, Any], path: str, message: str
) -> None:
    """Istiod drops it with one warning; the mistake is named by its path."""
    (mistake,) = mistakes(document)
    assert mistake.path == path
    assert mistake.message.startswith(message)
    assert not mistake.unknown


@pytest.mark.parametrize(
    ("document", "path", "meant"),
    [
        ({"accessLogFil": "/dev/stdout"}, "accessLogFil", "did you mean accessLogFile?"),
        (
            {"defaultConfig": {"proxyMetaData": {}}},
            "defaultConfig.proxyMetaData",
            "did you mean proxyMetadata?",
        ),
        (
            {"discoverySelectors": [{"zzz": {}}]},
            "discoverySelectors[0].zzz",
            "expected one of: matchExpressions",
        ),
    ],
)
def test_a_name_that_istiod_does_not_know_is_ignored_by_it(
    document: dict[str, Any], path: str, meant: str
) -> None:
    """So it is said, with the name that was meant."""
    (mistake,) = mistakes(document)
    assert (mistake.path, mistake.unknown) == (path, True)
    assert mistake.message.endswith(meant) or f"{meant}" in mistake.message


def test_a_secret_value_is_not_repeated() -> None:
    """Only what was expected."""
    (mistake,) = mistakes({"trustDomainAliases": "hunter2"}, secret=True)
    assert mistake.message == "expected a list"


@pytest.mark.parametrize(
    ("wanted", "loaded"),
    [
        ({}, {"trustDomain": "cluster.local"}),
        ({"trust_domain": "a", "accessLogFile": ""}, {"trustDomain": "a"}),
        ({"defaultConfig": {"drainDuration": "1m"}}, {"defaultConfig": {"drainDuration": "60s"}}),
        ({"dnsRefreshRate": "1m30s"}, {"dnsRefreshRate": "90s"}),
        ({"enablePrometheusMerge": False}, {"enablePrometheusMerge": False}),
        ({"enableTracing": False}, {}),
        ({"defaultConfig": {"concurrency": 2}}, {"defaultConfig": {"concurrency": 2.0}}),
        ({"accessLogEncoding": "TEXT", "outboundTrafficPolicy": {"mode": 1}}, {}),
        ({"trustDomainAliases": ["a"]}, {"trustDomainAliases": ["a"]}),
        ({"unknown": 1, "ca": None}, {}),
    ],
)
def test_a_configuration_that_istiod_has_loaded_does_not_differ(
    wanted: dict[str, Any], loaded: dict[str, Any]
) -> None:
    """Istiod's debug page has its own spelling, and leaves out what is a type's default."""
    assert list(differences(wanted, loaded)) == []


@pytest.mark.parametrize(
    ("wanted", "loaded", "path"),
    [
        ({"trustDomain": "new"}, {"trustDomain": "old"}, "trustDomain"),
        (
            {"defaultConfig": {"proxyMetadata": {"A": "true"}}},
            {"defaultConfig": {}},
            "defaultConfig.proxyMetadata.A",
        ),
        ({"enableTracing": True}, {}, "enableTracing"),
        ({"enablePrometheusMerge": False}, {"enablePrometheusMerge": True}, "enablePrometheusMerge"),
        ({"dnsRefreshRate": "5s"}, {"dnsRefreshRate": "60s"}, "dnsRefreshRate"),
        ({"accessLogEncoding": "JSON"}, {}, "accessLogEncoding"),
        ({"trustDomainAliases": ["a"]}, {}, "trustDomainAliases"),
        (
            {"extensionProviders": [{"name": "a"}]},
            {"extensionProviders": [{"name": "b"}]},
            "extensionProviders[0].name",
        ),
        ({"defaultConfig": {"concurrency": 2}}, {}, "defaultConfig.concurrency"),
    ],
)
def test_what_istiod_has_not_loaded_is_found_by_its_path(
    wanted: dict[str, Any], loaded: dict[str, Any], path: str
) -> None:
    """One setting is enough to see that a configuration was dropped."""
    (difference,) = differences(wanted, loaded)
    assert difference.path == path
