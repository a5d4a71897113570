"""What credentials in a kubeconfig say of themselves, and for which cluster istiod takes one."""

import base64

import pytest
import yaml

from mesh.kubeconfig.credentials import client_certificate, cluster_id, has_token, token_end
from tests.builders.kubeconfigs import kubeconfig


@pytest.mark.parametrize("user", [{"token": "opaque"}, {"token": "a.b.c"}, {"username": "u"}, {}])
def test_a_token_that_says_nothing_has_no_end(user: dict[str, str]) -> None:
    """No kubeconfig makes it fail."""
    assert token_end(kubeconfig({"a": "https://a"}, current="a", user=user)) is None
    assert token_end("not: [a kubeconfig") is None
    assert token_end("[]") is None


def test_the_user_of_the_current_context_counts() -> None:
    """As for istiod; another one may be first."""
    document = yaml.safe_load(kubeconfig({"a": "https://a", "b": "https://b"}, current="b"))
    document["users"][1]["user"] = {"client-certificate-data": base64.b64encode(b"PEM").decode()}
    text = yaml.safe_dump(document)
    assert client_certificate(text) == "PEM"
    assert not has_token(text)
    assert has_token(text.replace("current-context: b", "current-context: a"))
    assert client_certificate(kubeconfig({"a": "https://a"}, user={"client-certificate-data": "%"})) == ""


def test_istiod_takes_the_cluster_of_the_current_context() -> None:
    """Else of the first context by name, else the first cluster."""
    document = yaml.safe_load(kubeconfig({"b": "https://b", "a": "https://a"}, current="b"))
    assert cluster_id(yaml.safe_dump(document)) == "b"
    assert cluster_id(yaml.safe_dump({**document, "current-context": "gone"})) == "a"
    assert cluster_id(yaml.safe_dump({**document, "contexts": []})) == "a"
    assert cluster_id(yaml.safe_dump({"clusters": []})) is None
    assert cluster_id("[") is None
