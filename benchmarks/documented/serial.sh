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
for target in "$@"; do
  for reader in "$@"; do
    [[ $target == "$reader" ]] || remote_secret "$target" | kubectl --context="$reader" apply --filename=-
  done
done
for cluster in "$@"; do
  sample "$cluster"
  sample_ready "$cluster"
done
