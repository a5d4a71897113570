"""Every version that the program installs by default, in one place."""

# renovate: datasource=helm depName=istiod registryUrl=https://istio-release.storage.googleapis.com/charts
ISTIO = "1.31.0"
OLDEST_ISTIO = "1.27.0"

CHART_REPOSITORY = "https://istio-release.storage.googleapis.com/charts"

GATEWAY_API = "1.6.0"
# renovate: datasource=github-releases depName=kubernetes-sigs/gateway-api
GATEWAY_API_MANIFEST = (
    f"https://github.com/kubernetes-sigs/gateway-api/releases/download/v{GATEWAY_API}/standard-install.yaml"
)

# renovate: datasource=docker depName=istio/examples-helloworld-v1
HELLO_WORLD_IMAGE = "istio/examples-helloworld-v1:1.0"
# renovate: datasource=docker depName=curlimages/curl
CLIENT_IMAGE = "curlimages/curl:8.16.0"
