#!/usr/bin/env bash
# The port beside the same work in eager PyTorch, on the CPU or on a GPU (--device cuda).
# usage: port.sh [--device cpu|cuda|cuda:N] [--quick] [--json FILE] [--plot FILE.svg] [--threads N] [--model DIR]
#                [--dtype float32,bfloat16,float16] [--cache none,concat,static,paged] [--batch N,N] [--prompt N]
#        port.sh --operators [BenchmarkDotNet's options]      a decode step's operations one by one
#   TORCHKV_PYTHON=PROGRAM  the Python with torch and numpy; else the first python3 that has them
set -euo pipefail
compare=$(dirname "${BASH_SOURCE[0]}")
bench=$compare/../TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks
if [ "${1:-}" = --operators ]; then
    shift
    exec "$bench" operators "$@"
fi
TORCHKV_PYTHON=$("$compare/python_with_torch") exec "$bench" port "$@"
