# Steps of Istio's guide "multi-primary on different networks" with Helm, one function for each; sourced by the
# scripts beside it.
#
# FOLDER        has <cluster>/istiod.yaml, <cluster>/gateway.yaml (Helm values) and <cluster>/sample.yaml, and
#               takes keys, certificates and Helm's files
# CHARTS        Istio's Helm repository
# VERSION       version of its charts
# KUBECONFIG    has a context for each cluster, called as the cluster is
#
# A cluster's network is net-<cluster>.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
export HELM_CACHE_HOME=$FOLDER/helm/cache HELM_CONFIG_HOME=$FOLDER/helm/config HELM_DATA_HOME=$FOLDER/helm/data
export KUBECACHEDIR=$FOLDER/kube-cache

charts() {
  helm repo add istio "$CHARTS"
  helm repo update istio
}

# As tools/certs in istio/istio: RSA 4096, an intermediate of its own for each cluster.
new_key=(-newkey rsa:4096)

root_ca() {
  openssl req -x509 "${new_key[@]}" -nodes -sha256 -days 3650 -subj "/O=bench/CN=bench root CA" \
    -addext "basicConstraints=critical,CA:true,pathlen:1" -addext "keyUsage=critical,keyCertSign,cRLSign,digitalSignature" \
    -keyout "$FOLDER/root-key.pem" -out "$FOLDER/root-cert.pem"
}

intermediate_ca() {
  local ca=$FOLDER/$1
  openssl req -new "${new_key[@]}" -nodes -sha256 -subj "/O=bench/CN=bench intermediate CA $1" \
    -keyout "$ca/ca-key.pem" -out "$ca/ca.csr"
  openssl x509 -req -sha256 -days 730 -in "$ca/ca.csr" -CA "$FOLDER/root-cert.pem" -CAkey "$FOLDER/root-key.pem" \
    -CAserial "$ca/serial" -CAcreateserial -extfile "$here/intermediate.cnf" -out "$ca/ca-cert.pem"
  cat "$ca/ca-cert.pem" "$FOLDER/root-cert.pem" >"$ca/cert-chain.pem"
}

namespace() {
  kubectl --context="$1" create namespace istio-system
  kubectl --context="$1" label namespace istio-system "topology.istio.io/network=net-$1"
}

cacerts() {
  local ca=$FOLDER/$1
  kubectl --context="$1" create secret generic cacerts --namespace=istio-system \
    --from-file="$ca/ca-cert.pem" --from-file="$ca/ca-key.pem" \
    --from-file="$FOLDER/root-cert.pem" --from-file="$ca/cert-chain.pem"
}

# release CLUSTER NAME CHART ...
release() {
  helm install "$2" "istio/$3" --kube-context="$1" --namespace=istio-system --version="$VERSION" --wait "${@:4}"
}

base() { release "$1" istio-base base; }
istiod() { release "$1" istiod istiod --values="$FOLDER/$1/istiod.yaml"; }
gateway() { release "$1" istio-eastwestgateway gateway --values="$FOLDER/$1/gateway.yaml"; }

expose() { kubectl --context="$1" apply --namespace=istio-system --filename="$here/cross-network-gateway.yaml"; }

sample() { kubectl --context="$1" apply --filename="$FOLDER/$1/sample.yaml"; }

sample_ready() {
  kubectl --context="$1" wait deployment --all --namespace=sample --for=condition=Available --timeout=10m
}

# remote_secret TARGET: print the Secret by which other clusters read it
remote_secret() { istioctl create-remote-secret --context="$1" --name="$1"; }

# pairwise CLUSTER...: for each pair, make a remote secret and give it to the reader, as the guide does
pairwise() {
  local target reader
  for target in "$@"; do
    for reader in "$@"; do
      [[ $target == "$reader" ]] || remote_secret "$target" | kubectl --context="$reader" apply --filename=-
    done
  done
}

# samples CLUSTER...: one cluster after the other
samples() {
  local cluster
  for cluster in "$@"; do
    sample "$cluster"
    sample_ready "$cluster"
  done
}
