#!/usr/bin/env bash
# What HTTP costs, and whether the server stands clients that leave, nonsense and SIGTERM.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks" server "$@"
