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
rounds=7
quick=no
models=()
while [ $# -gt 0 ]; do
    case $1 in
        --quick) rounds=3 quick=yes ;;
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

check() { # WHAT PROGRAM: HuggingFace's ids
    printf '%s: ' "$1"
    "$2" "$root/weights/storyteller" --check "$golden"
}

# Without a word the native compiler takes vectors of 128 bits, those that every x64 machine has; a program that says more does
# not start on a machine that has less.
builds=(native)
if [ "$quick" = no ] && [ "$(uname -m)" = x86_64 ]; then builds+=(x86-64-v3 default); fi
for build in "${builds[@]}"; do
    property=-p:IlcInstructionSet=$build
    [ "$build" != default ] || property=-p:IlcInstructionSet=
    if publish "$build" -p:PublishAot=true "$property"; then continue; fi
    if grep -qE 'error (IL|CS|IDE|CA)[0-9]+' "$out/$build.log"; then
        grep -E 'error ' "$out/$build.log" | sort -u | head -20 >&2
        exit 1
    fi
    echo "no native code: $(grep -m 1 'error' "$out/$build.log" | sed 's/.*error *//' || echo "see $out/$build.log"); published trimmed instead" >&2
    builds=(trimmed)
    publish trimmed -p:PublishTrimmed=true --self-contained || { tail -20 "$out/trimmed.log" >&2; exit 1; }
    break
done
bytes() { find "$1" -type f ! -name '*.dbg' ! -name '*.pdb' ! -name '*.xml' -printf '%s\n' | awk '{ sum += $1 } END { printf "%.1f MB", sum / 1e6 }'; }
echo "published without a trim or AOT warning: $(for build in "${builds[@]}"; do printf '%s %s  ' "$build" "$(bytes "$out/$build")"; done)"
for build in "${builds[@]}"; do check "$build" "$out/$build/TorchKv.Aot"; done
check "just in time" "$jit"

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
milliseconds() { # COMMAND…: of the whole process
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
    echo "$(basename "$model"): milliseconds of a process that loads the model and gives one token; and of each of 40 more"
    rm -f "$out"/*.ms
    for ((round = 0; round < rounds; round++)); do
        for build in "${builds[@]}" jit; do
            program=$out/$build/TorchKv.Aot
            [ "$build" != jit ] || program=$jit
            milliseconds "$program" "$model" 1 >>"$out/$build.first.ms"
            milliseconds "$program" "$model" 41 >>"$out/$build.all.ms"
        done
    done
    "$jit" "$model" 41 >"$out/jit.txt"
    for build in "${builds[@]}" jit; do
        program=$out/$build/TorchKv.Aot
        [ "$build" != jit ] || program=$jit
        same="the same text"
        "$program" "$model" 41 | cmp -s - "$out/jit.txt" || same="ANOTHER TEXT"
        paste "$out/$build.first.ms" "$out/$build.all.ms" | awk '{ print ($2 - $1) / 40 }' >"$out/$build.each.ms"
        printf '  %-12s %6d  %8.2f   %s\n' "$build" "$(median <"$out/$build.first.ms")" "$(median <"$out/$build.each.ms")" "$same"
    done
done
