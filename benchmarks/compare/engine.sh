#!/usr/bin/env bash
# What the engine gains: GPT-2 124M with weights by a formula, or the folder that --model names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
bench=$root/benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks
model=$root/artifacts/bench/gpt2-formula
case " $* " in
    *" --model "*) exec "$bench" engine "$@" ;;
esac
[ -f "$model/model.safetensors" ] || "$bench" formula "$model"
# A model by a formula has nothing to say, with or without a vocabulary beside it: text is the trained model's.
exec "$bench" engine --model "$model" --text "$root/weights/storyteller" --draft "$root/weights/storyteller-draft" "$@"
