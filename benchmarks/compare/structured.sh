#!/usr/bin/env bash
# Constraints on generated text: time to compile, time per mask and texts accepted, over a suite: --suite FOLDER with files *.jsonl
# or *.jsonl.gz. A line is an object with name, regex or grammar, and tests of data and valid.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks structured "$@"
