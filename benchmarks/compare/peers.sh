#!/usr/bin/env bash
# The CPU runner beside llama.cpp on GPT-2 124M with weights by a formula. Installs nothing by itself:
#   benchmarks/compare/peers.sh --install      fetches node-llama-cpp (a prebuilt libllama) with npm
#   LLAMA_CPP=FOLDER                           another llama.cpp: the folder with libllama and its ggml back ends
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
peers=$root/.build/peers
bench=$root/benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks
if [ "${1:-}" = --install ]; then
    shift
    mkdir -p "$peers"
    npm install --prefix "$peers" --ignore-scripts --no-save --no-audit --no-fund node-llama-cpp
    [ $# -gt 0 ] || exit 0
fi
llama=${LLAMA_CPP:-$peers/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64}
arguments=()
if compgen -G "$llama/libllama*.so*" >/dev/null; then
    echo "llama.cpp: $(basename "$(compgen -G "$llama/libllama.*so*" | head -n 1)")"
    arguments+=(--llama "$llama")
else
    echo "llama.cpp: not here (benchmarks/compare/peers.sh --install fetches a prebuilt one; or set LLAMA_CPP)"
fi
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    echo "PyTorch: $(/usr/bin/python3 -c 'import torch; print(torch.__version__)') (compared by ./run.sh bench port)"
else
    echo "PyTorch: not here (Debian/Ubuntu: package python3-torch)"
fi
model=$root/artifacts/bench/gpt2-formula
[ -f "$model/model.safetensors" ] || "$bench" formula "$model"
cp -u "$root"/weights/gpt2-vocab/*.{json,txt} "$model"
exec "$bench" peers --model "$model" --files "$root/artifacts/bench/gguf" --storyteller "$root/weights/storyteller" --held-out "$root/tests/fixtures/storyteller/heldout.txt" --cli "$root/src/TorchKv.Cli/bin/Release/net10.0/TorchKv.Cli" ${arguments[@]+"${arguments[@]}"} "$@"
