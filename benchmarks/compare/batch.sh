#!/usr/bin/env bash
# What batches on PostgreSQL carry with an empty engine, and whether a job is lost when processes are killed.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks" batch "$@"
