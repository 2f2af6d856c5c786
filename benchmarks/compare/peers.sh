#!/usr/bin/env bash
# The CPU runner beside llama.cpp and PyTorch on the same weights: GPT-2 124M with weights by a formula, or --model DIR.
# usage: peers.sh [--quick] [--json FILE] [--plot FILE.svg] [--markdown FILE] [--only A,B] [--threads N] [--model DIR]
# It installs nothing by itself; what is not here is said, and its rows are left out.
#   peers.sh --install      fetches node-llama-cpp (a prebuilt libllama) with npm, and then runs what else is asked;
#                           and web-xgrammar, which './run.sh bench structured' measures beside llama.cpp's grammars
#   LLAMA_CPP=FOLDER        another llama.cpp: the folder with libllama and its ggml back ends
#   TORCHKV_PYTHON=PROGRAM  the Python with torch and numpy; else the first python3 that has them
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
peers=$root/.build/peers
bench=$root/benchmarks/TorchKv.Benchmarks.Peers/bin/Release/net10.0/TorchKv.Benchmarks.Peers
if [ "${1:-}" = --install ]; then
    shift
    mkdir -p "$peers"
    npm install --prefix "$peers" --ignore-scripts --no-save --no-audit --no-fund node-llama-cpp @mlc-ai/web-xgrammar
    [ $# -gt 0 ] || exit 0
fi
arguments=()
case $(uname -m) in x86_64) kind=linux-x64 ;; aarch64) kind=linux-arm64 ;; *) kind=none ;; esac
llama=${LLAMA_CPP:-$peers/node_modules/@node-llama-cpp/$kind/bins/$kind}
if compgen -G "$llama/libllama*.so*" >/dev/null; then
    version=$(sed -n 's/^ *"version": *"\(.*\)".*/\1/p' "$llama/../../package.json" 2>/dev/null | head -n 1 || true)
    echo "llama.cpp: libllama${version:+ of node-llama-cpp $version}"
    arguments+=(--llama "$llama")
else
    echo "llama.cpp: not here${LLAMA_CPP:+ (no libllama in $LLAMA_CPP)}; benchmarks/compare/peers.sh --install fetches a prebuilt one, or set LLAMA_CPP"
fi
python=$(benchmarks/compare/python_with_torch)
if version=$("$python" -c 'import numpy, torch; print(torch.__version__)' 2>/dev/null); then
    echo "PyTorch: $version"
    arguments+=(--python "$python")
else
    echo "PyTorch: not here (pip install torch numpy; TORCHKV_PYTHON names the Python that has them)"
fi
case " $* " in
    *" --model "*) ;;
    *)
        model=$root/artifacts/bench/gpt2-formula
        [ -f "$model/model.safetensors" ] || "$bench" formula "$model"
        cp -u "$root"/weights/gpt2-vocab/*.{json,txt} "$model"
        ;;
esac
exec "$bench" peers ${arguments[@]+"${arguments[@]}"} "$@"
