#!/usr/bin/env bash
# Install what the lock files pin: the program, and the policies in an environment of their own.
set -euo pipefail
python -m venv .venv
.venv/bin/pip install --quiet --require-hashes --requirement requirements.lock
python -m venv policy/.venv
policy/.venv/bin/pip install --quiet --require-hashes --requirement policy/requirements.lock
