#!/usr/bin/env bash
# Constraints on generated text: what compiles, texts accepted and refused, time to compile, time per mask, memory, steps
# saved and time in a decode step, over a suite: --suite PATH, a file or a folder of *.json, *.jsonl or *.jsonl.gz. An
# entry is an object with a schema, a regex or a grammar, and tests of data and valid. --compact: schemas allow no
# whitespace. --random N: instead, N generations from random logits over random schemas, judged by JsonSchema.Net.
# xgrammar and llama.cpp are measured beside it where 'benchmarks/compare/peers.sh --install' has fetched them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
arguments=()
modules=.build/peers/node_modules
if [ -d "$modules" ] && command -v node >/dev/null; then
    arguments+=(--node-modules "$PWD/$modules")
    case $(uname -m) in x86_64) kind=linux-x64 ;; aarch64) kind=linux-arm64 ;; *) kind=none ;; esac
    llama=${LLAMA_CPP:-$PWD/$modules/@node-llama-cpp/$kind/bins/$kind}
    if compgen -G "$llama/libllama*.so*" >/dev/null; then arguments+=(--llama "$llama"); fi
fi
exec benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks structured ${arguments[@]+"${arguments[@]}"} "$@"
