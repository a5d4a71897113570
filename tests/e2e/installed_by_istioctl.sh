#!/usr/bin/env bash
# installed_by_istioctl.sh CLUSTER...: a mesh as Istio's guide "multi-primary on different networks" builds it with
# istioctl. Beside what benchmarks/documented/steps.sh wants:
#
# MANIFESTS     `manifests` of istio/istio
# SAMPLES       its `samples`
# FOLDER        has <cluster>/operator.yaml, an IstioOperator
source "$(dirname "$0")/../../benchmarks/documented/steps.sh"

root_ca
for cluster in "$@"; do
  intermediate_ca "$cluster"
  namespace "$cluster"
  cacerts "$cluster"
  istioctl install --context="$cluster" --manifests="$MANIFESTS" --skip-confirmation --filename="$FOLDER/$cluster/operator.yaml"
  bash "$SAMPLES/multicluster/gen-eastwest-gateway.sh" --network "net-$cluster" |
    istioctl install --context="$cluster" --manifests="$MANIFESTS" --skip-confirmation --filename=- \
      --set=values.global.imagePullPolicy=Never # images of the sandbox are in no registry
  expose "$cluster"
done
pairwise "$@"
samples "$@"
