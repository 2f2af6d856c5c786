#!/usr/bin/env bash
# Constraints on generated text: what compiles, texts accepted and refused, time to compile, time per mask, memory and
# steps saved, over a suite: --suite PATH, a file or a folder of *.json, *.jsonl or *.jsonl.gz. An entry is an object with
# a schema, a regex or a grammar, and tests of data and valid. --compact: schemas allow no whitespace.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks structured "$@"
