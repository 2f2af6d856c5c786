#!/usr/bin/env bash
# TorchKv from a clone.
#
#   ./run.sh                 set up what is missing, then show the main job on the default model
#   ./run.sh test            set up, then run every test; arguments go to the test programs (--filter-class NAME, --help)
#   ./run.sh bench NAME …    set up, then run a benchmark (./run.sh bench says which there are)
#   ./run.sh setup           set up only: restore the packages and build
#   ./run.sh COMMAND …       any torchkv command: generate, logits, perplexity, tokenize, plan, compare, info, …
#
# With an NVIDIA driver the build takes the libtorch for CUDA. TorchCuda=true or TorchCuda=false in the environment decides otherwise.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD state=$PWD/.build cli=$PWD/src/TorchKv.Cli/bin/Release/net10.0/TorchKv.Cli
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

fail() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }

step() { # NAME COMMAND… : one line with the time it took, on stderr; the end of its output if it failed
    local began=$SECONDS log="$state/$1.txt"
    "${@:2}" >"$log" 2>&1 || { tail -n 40 "$log" >&2; return 1; }
    printf '  %-8s %4d s\n' "$1" $((SECONDS - began)) >&2
}

need_sdk() {
    local version
    version=$(dotnet --version 2>/dev/null) || version=none
    case $version in 10.* | 1[1-9].*) return ;; esac
    fail "the .NET SDK 10 is needed, and this is there: $version. It is at https://dotnet.microsoft.com/download/dotnet/10.0 (Debian/Ubuntu: package dotnet-sdk-10.0)."
}

# Changes when a file that a build reads changes, or the machine's choice of CPU or CUDA.
fingerprint() {
    {
        printf '%s\n' "$root" "$(command -v dotnet)" "${TorchCuda:-}" /proc/driver/nvidia*
        find src tests benchmarks tools ./*.props ./*.targets ./*.slnx global.json .editorconfig \
            \( -name bin -o -name obj -o -name fixtures \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    } | sha256sum
}

# libtorch is linked into the output folders from the NuGet cache. If the cache was cleared, the links lead nowhere.
up_to_date() {
    [ "$(cat "$state/built" 2>/dev/null)" = "$(fingerprint)" ] && [ -x "$cli" ] && [ -z "$(find src tests benchmarks -path '*/native/*' -xtype l -print -quit)" ]
}

setup() {
    up_to_date && return
    need_sdk
    mkdir -p "$state"
    exec 9>"$state/lock"
    if command -v flock >/dev/null; then flock 9; fi # a second set-up waits, and finds the work done
    if ! up_to_date; then
        local now
        now=$(fingerprint)
        printf 'Setting up TorchKv\n' >&2
        if [ -z "${TorchCuda:-}" ] && nvidia-smi -L >/dev/null 2>&1; then
            TorchCuda=true step cuda dotnet restore TorchKv.slnx -v q 2>/dev/null && export TorchCuda=true
        fi
        step restore dotnet restore TorchKv.slnx -v q || fail "a NuGet package could not be restored (see above)."
        step build dotnet build TorchKv.slnx -c Release --no-restore -v q -clp:ErrorsOnly || fail "the build failed (see above)."
        printf '%s\n' "$now" >"$state/built"
    fi
    exec 9>&-
}

# One test program at a time: some tests wait for threads, and on two cores several programs would starve them.
run_tests() {
    local log=$state/tests.txt rc=0 failed passed skipped
    dotnet test --solution TorchKv.slnx -c Release --no-build --max-parallel-test-modules 1 --ignore-exit-code 8 "$@" </dev/null 2>&1 | tee "$log" || rc=$?
    count() { sed -n "s/^ *$1: \([0-9]*\)\$/\1/p" "$log" | tail -n 1; }
    passed=$(count succeeded) skipped=$(count skipped)
    failed=$(($(count failed) + $(count error))) # an error is a test program that crashed
    if [ "$rc" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    printf '\n%s passed, %s failed%s\n' "${passed:-0}" "$failed" "$([ "${skipped:-0}" = 0 ] || printf ', %s skipped' "$skipped")"
    [ "$failed" = 0 ] && [ "${passed:-0}" -gt 0 ]
}

bench() {
    local script=benchmarks/compare/${1:-}.sh
    if [ -x "$script" ]; then exec "$script" "${@:2}"; fi
    printf './run.sh bench NAME [options]; names:\n' >&2
    for script in benchmarks/compare/*.sh; do printf '  %-9s %s\n' "$(basename "$script" .sh)" "$(sed -n '2s/^# //p' "$script")" >&2; done
    exit 2
}

case ${1:-} in
    '') setup; exec "$cli" demo ;;
    setup) setup ;;
    test) shift; setup; run_tests "$@" ;;
    bench) shift; setup; bench "$@" ;;
    *) setup; cd "$invoked_from"; exec "$cli" "$@" ;;
esac
