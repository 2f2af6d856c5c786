#!/usr/bin/env bash
# The runtime compiled ahead of time: a program of TorchKv.Runtime alone is published as native code with every trim and AOT
# warning an error, must give HuggingFace's ids, and is timed beside the same program compiled just in time.
# usage: aot.sh [--quick] [--model DIR]      the model to start with; else weights/storyteller and GPT-2 124M by a formula
# It takes the native compiler's package from NuGet and a linker (gcc or clang, zlib1g-dev); where one is missing it says so, and
# publishes trimmed, not native, with the same warnings as errors.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
out=$root/artifacts/bench/aot
project=$root/benchmarks/TorchKv.Aot/TorchKv.Aot.csproj
jit=$root/benchmarks/TorchKv.Aot/bin/Release/net10.0/TorchKv.Aot
golden=$root/tests/fixtures/storyteller/golden.json
rounds=9
models=()
while [ $# -gt 0 ]; do
    case $1 in
        --quick) rounds=3 ;;
        --model) models+=("${2:?--model takes a folder}"); shift ;;
        *) echo "usage: ./run.sh bench aot [--quick] [--model DIR]" >&2; exit 2 ;;
    esac
    shift
done
mkdir -p "$out"

publish() { # what, further properties: its own intermediate files, since a publish restores for one platform
    local what=$1
    shift
    dotnet publish "$project" -c Release --use-current-runtime --artifacts-path "$out/build-$what" -o "$out/$what" -v q \
        -p:TreatWarningsAsErrors=true -p:TrimmerSingleWarn=false -p:ILLinkTreatWarningsAsErrors=true -p:IlcTreatWarningsAsErrors=true "$@" >"$out/$what.log" 2>&1
}

kind=native
if ! publish native -p:PublishAot=true; then
    if grep -qE 'error (IL|ILC|CS|IDE)[0-9]+' "$out/native.log"; then
        grep -E 'error ' "$out/native.log" | sort -u | head -20 >&2
        exit 1
    fi
    echo "no native code: $(grep -m 1 -E 'error' "$out/native.log" | sed 's/.*error *//' || echo "see $out/native.log"); publishing trimmed instead" >&2
    kind=trimmed
    publish trimmed -p:PublishTrimmed=true --self-contained || { tail -20 "$out/trimmed.log" >&2; exit 1; }
fi
program=$out/$kind/TorchKv.Aot
echo "published $kind without a trim or AOT warning; $(stat -c %s "$program") bytes of program, $(du -cb "$out/$kind"/* --exclude='*.dbg' --exclude='*.pdb' --exclude='*.xml' | tail -n 1 | cut -f1) with what lies beside it"
"$program" "$root/weights/storyteller" --check "$golden"
"$jit" "$root/weights/storyteller" --check "$golden"

median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
milliseconds() { # COMMAND…: of the whole process, one token
    local began=${EPOCHREALTIME/./}
    "$@" >/dev/null
    echo $(((${EPOCHREALTIME/./} - began + 500) / 1000))
}
if [ ${#models[@]} = 0 ]; then
    models=("$root/weights/storyteller" "$root/artifacts/bench/gpt2-formula")
    if [ ! -f "${models[1]}/model.safetensors" ]; then "$root/benchmarks/TorchKv.Benchmarks/bin/Release/net10.0/TorchKv.Benchmarks" formula "${models[1]}"; fi
    cp -u "$root"/weights/gpt2-vocab/*.{json,txt} "${models[1]}"
fi
for model in "${models[@]}"; do
    : >"$out/native.ms"
    : >"$out/jit.ms"
    milliseconds "$program" "$model" 1 >/dev/null
    for ((round = 0; round < rounds; round++)); do
        milliseconds "$program" "$model" 1 >>"$out/native.ms"
        milliseconds "$jit" "$model" 1 >>"$out/jit.ms"
    done
    if cmp -s <("$program" "$model" 40) <("$jit" "$model" 40); then same="the same 40 tokens"; else same="OTHER TOKENS"; fi
    echo "$(basename "$model"): a process that loads the model and gives one token takes $(median <"$out/native.ms") ms $kind, $(median <"$out/jit.ms") ms just in time; $same"
done
