#!/usr/bin/env bash
# What the engine gains: GPT-2 124M with weights by a formula, or the folder that --model names.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks" engine "$@"
