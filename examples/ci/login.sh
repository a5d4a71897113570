#!/usr/bin/env bash
# Log in with the identity that the CI system gives this job, so that no key is kept there. It does nothing for a
# backend that is reached otherwise.
#
#   PULUMI_ORGANIZATION  an organization in Pulumi Cloud that trusts the CI system
#   AWS_ROLE_ARN         a role of AWS that trusts the CI system, for state in S3 and for clusters in EKS
#   IDENTITY_TOKEN       the identity, as GitLab gives it; GitHub is asked for it
set -euo pipefail
umask 077

audience=sts.amazonaws.com
if [ -n "${PULUMI_ORGANIZATION-}" ]; then
  audience="urn:pulumi:org:$PULUMI_ORGANIZATION"
elif [ -z "${AWS_ROLE_ARN-}" ]; then
  exit 0
fi

file="${RUNNER_TEMP:-/tmp}/identity-token"
if [ -n "${IDENTITY_TOKEN-}" ]; then
  printf '%s' "$IDENTITY_TOKEN" > "$file"
else
  answer="$(printf 'header = "Authorization: bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
    curl --fail --silent --show-error --config - "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience")"
  python3 -c 'import json, sys; print(json.load(sys.stdin)["value"], end="")' <<< "$answer" > "$file"
fi

if [ -n "${PULUMI_ORGANIZATION-}" ]; then
  pulumi login --oidc-token "file://$file" --oidc-org "$PULUMI_ORGANIZATION"
else
  # AWS's SDK, which Pulumi and `aws` use, finds the token by these two.
  printf '%s\n' "AWS_ROLE_ARN=$AWS_ROLE_ARN" "AWS_WEB_IDENTITY_TOKEN_FILE=$file" >> "${GITHUB_ENV:-login.env}"
fi
