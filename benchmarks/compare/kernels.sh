#!/usr/bin/env bash
# The CPU runner by itself, against what memory and arithmetic units give in the same run; --benchmarks: its kernels one by one,
# with BenchmarkDotNet (whose options may follow); --cores [--quick] [--dtype D] [--bandwidth GB/s,…]: a step on more cores, simulated.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bench=$PWD/benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks
if [ "${1:-}" = --benchmarks ]; then
    shift
    exec "$bench" kernels "$@"
fi
if [ "${1:-}" = --cores ]; then
    shift
    exec "$bench" cores "$@"
fi
exec "$bench" runner "$@"
