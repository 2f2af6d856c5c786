#!/usr/bin/env bash
# The port beside the same work in eager PyTorch, on the CPU or on a GPU (--device cuda).
# usage: port.sh [--device cpu|cuda|cuda:N] [--quick] [--json FILE] [--plot FILE.svg] [--threads N] [--model DIR]
#                [--dtype float32,bfloat16,float16] [--cache none,concat,static,paged] [--batch N,N] [--prompt N]
#        port.sh --operators [BenchmarkDotNet's options]      a decode step's operations one by one
set -euo pipefail
bench=$(dirname "${BASH_SOURCE[0]}")/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks
if [ "${1:-}" = --operators ]; then
    shift
    exec "$bench" operators "$@"
fi
exec "$bench" port "$@"
