#!/usr/bin/env bash
# The port beside the same work in eager PyTorch, on the same libtorch. usage: port.sh [--quick] [--json FILE] [--plot FILE.svg] [--threads N]
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks" port "$@"
