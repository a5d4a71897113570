#!/usr/bin/env bash
# parallel.sh CLUSTER...: the same mesh as an expert would script it: all clusters at once, then all remote
# secrets at once, each made once and not once for each peer; a failure in any job is a failure.
source "$(dirname "$0")/steps.sh"
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256) # as the program's

# together FUNCTION CLUSTER...: run the function for each cluster in a job of its own
together() {
  local jobs=() failed=0
  for cluster in "${@:2}"; do
    "$1" "$cluster" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job" || failed=1
  done
  return $failed
}

member() {
  intermediate_ca "$1"
  namespace "$1"
  cacerts "$1"
  base "$1"
  istiod "$1"
  sample "$1" # its pods start while the gateway does
  gateway "$1"
  expose "$1"
}

links() {
  local secret
  secret=$(remote_secret "$1")
  for reader in "${clusters[@]}"; do
    [[ $reader == "$1" ]] || kubectl --context="$reader" apply --filename=- <<<"$secret"
  done
}

clusters=("$@")
charts
root_ca
together member "$@"
together links "$@"
together sample_ready "$@"
