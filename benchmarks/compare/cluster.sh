#!/usr/bin/env bash
# Three replicas behind a router: killed, stopped, restarted, joined and slow; the hop's cost; HAProxy, nginx and YARP beside it.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks" cluster "$@"
