#!/usr/bin/env bash
# serial.sh CLUSTER...: a mesh as the guide builds it, cluster after cluster and pair after pair.
source "$(dirname "$0")/steps.sh"

charts
root_ca
for cluster in "$@"; do
  intermediate_ca "$cluster"
  namespace "$cluster"
  cacerts "$cluster"
  base "$cluster"
  istiod "$cluster"
  gateway "$cluster"
  expose "$cluster"
done
pairwise "$@"
samples "$@"
