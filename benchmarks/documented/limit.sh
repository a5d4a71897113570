#!/usr/bin/env bash
# limit.sh CLUSTER: nothing but the Helm releases of one cluster, which wait for each other: the shortest way.
source "$(dirname "$0")/steps.sh"

charts
namespace "$1"
base "$1"
istiod "$1"
gateway "$1"
