#!/usr/bin/env bash
# TorchKv from a clone.
#
#   ./run.sh                 set up what a command needs, then show the main job on the default model
#   ./run.sh test            set up all, then run every test; options go to the test programs (--filter-class NAME)
#   ./run.sh test fast       set up all, then run the tests marked speed=fast (--filter-trait): under 10 s when all is built
#   ./run.sh bench NAME …    set up, then run a benchmark (./run.sh bench says which there are)
#   ./run.sh setup           set up only: restore the packages and build
#   ./run.sh pack            set up, then make the NuGet packages in artifacts/packages
#   ./run.sh api             set up, then write the API reference as a site in artifacts/api/site
#   ./run.sh aot [RID]       make one native file of generate, serve and chat in artifacts/aot
#   ./run.sh COMMAND …       any torchkv command: generate, logits, perplexity, tokenize, plan, compare, info, …
#
# With an NVIDIA driver the build takes the libtorch for CUDA. TorchCuda=true or TorchCuda=false in the environment decides otherwise.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD state=$PWD/.build cli=$PWD/src/TorchKv.Cli/bin/Release/net10.0/TorchKv.Cli
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

say() { printf '%s\n' "$*" >&2; } # stdout is the command's own
fail() { say "run.sh: $*"; exit 1; }

step() { # NAME COMMAND… : says how long it took, and shows the end of its output if it failed
    local began=$SECONDS
    if "${@:2}" >"$state/$1.txt" 2>&1; then say "  $1: $((SECONDS - began)) s"; else tail -n 40 "$state/$1.txt" >&2; return 1; fi
}

fingerprint() { # of all that a build reads
    {
        printf '%s\n' "$root" "$(command -v dotnet)" "${TorchCuda:-}" /proc/driver/nvidia*
        find src tests benchmarks samples tools ./*.props ./*.targets ./*.slnx global.json .editorconfig \
            \( -name bin -o -name obj -o -name fixtures \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    } | sha256sum
}

# Whoever has built all has built the command line too. libtorch is linked into the output folders from the NuGet cache: links
# that lead nowhere mean that the cache was cleared.
up_to_date() {
    local now
    now=$(fingerprint)
    { [ "$(cat "$state/built-all" 2>/dev/null)" = "$now" ] || [ "$(cat "$state/built-$1" 2>/dev/null)" = "$now" ]; } && [ -x "$cli" ] \
        && [ -z "$(find src tests benchmarks samples -path '*/native/*' -xtype l -print -quit)" ]
}

setup() { # cli: what a torchkv command needs; all: the tests, benchmarks and samples too
    local what=$1 project=TorchKv.slnx now version
    if [ "$what" = cli ]; then project=src/TorchKv.Cli; fi
    if up_to_date "$what"; then return; fi
    version=$(dotnet --version 2>/dev/null) || version=none
    case $version in
        10.* | 1[1-9].*) ;;
        *) fail "the .NET SDK 10 is needed; found: $version. It is at https://dotnet.microsoft.com/download/dotnet/10.0 (Debian/Ubuntu: package dotnet-sdk-10.0)." ;;
    esac
    mkdir -p "$state"
    exec 9>"$state/lock"
    if command -v flock >/dev/null; then flock 9; fi # a second set-up waits for the first, and finds its work done
    if ! up_to_date "$what"; then
        now=$(fingerprint)
        say "Setting up TorchKv"
        if [ -z "${TorchCuda:-}" ] && nvidia-smi -L >/dev/null 2>&1 && TorchCuda=true step cuda dotnet restore "$project" -v q 2>/dev/null; then
            export TorchCuda=true
        fi
        step restore dotnet restore "$project" -v q || fail "a NuGet package could not be restored (see above)."
        step build dotnet build "$project" -c Release --no-restore -v q -clp:ErrorsOnly || fail "the build failed (see above)."
        printf '%s\n' "$now" >"$state/built-$what"
    fi
    exec 9>&-
}

programs() { # some tests drive a program of Debian's; where it is missing and cannot be installed, they are skipped
    local pair package updated=
    for pair in chromium:chromium haproxy:haproxy nginx:nginx-light pg_createcluster:postgresql; do # program:package
        package=${pair#*:}
        if PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null; then continue; fi
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then continue; fi
        mkdir -p "$state"
        { { [ -n "$updated" ] || apt-get update; } && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package"; } \
            >"$state/$package.txt" 2>&1 \
            || say "run.sh: $package could not be installed (see .build/$package.txt); the tests that need it are skipped."
        updated=yes
    done
}

# The programs with test classes marked [Trait("speed", "fast")]; an architecture test compares.
fast_programs="TorchKv.Runtime.Tests TorchKv.Structured.Tests TorchKv.Tests"

run_tests() { # one program after the other: some tests wait for threads, which several programs on two cores would starve
    local log=$state/tests.txt rc=0 passed failed skipped program modules=
    local programs=(--solution TorchKv.slnx -c Release --no-build --max-parallel-test-modules 1)
    if [ "${1:-}" = fast ]; then
        shift
        for program in $fast_programs; do modules+="tests/$program/bin/Release/net10.0/$program.dll;"; done
        # Given the files, dotnet test need not read the projects. Code that runs for a second does not repay its profiling, nor
        # small tensors the threads of libtorch.
        programs=(--test-modules "$modules" --max-parallel-test-modules 2 --filter-trait speed=fast)
        export DOTNET_TieredPGO=0 OMP_NUM_THREADS=1
    fi
    dotnet test "${programs[@]}" --ignore-exit-code 8 "$@" </dev/null 2>&1 | tee "$log" || rc=$?
    count() { sed -n "s/^ *$1: \([0-9]*\)\$/\1/p" "$log" | tail -n 1 | grep . || echo 0; }
    passed=$(count succeeded) skipped=$(count skipped) failed=$(($(count failed) + $(count error))) # error: programs that crashed
    if [ "$rc" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    printf '\n%s passed, %s failed%s\n' "$passed" "$failed" "$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

bench() {
    if [ -x "benchmarks/compare/${1:-}.sh" ]; then exec "benchmarks/compare/$1.sh" "${@:2}"; fi
    say "./run.sh bench NAME [options]"
    for script in benchmarks/compare/*.sh; do say "  $(basename "$script" .sh): $(sed -n '2s/^# //p' "$script")"; done
    exit 2
}

case ${1:-} in
    '') setup cli; exec "$cli" demo ;;
    setup) setup all ;;
    test) setup all; [ "${2:-}" = fast ] || programs; run_tests "${@:2}" ;;
    bench) setup all; bench "${@:2}" ;;
    pack) setup all; exec dotnet msbuild tools/packages/packages.proj -v:q -nologo ;;
    api) setup all; dotnet tool restore >&2; exec dotnet docfx docs/api/docfx.json ;;
    aot) exec tools/packages/aot.sh "${@:2}" ;;
    *) setup cli; cd "$invoked_from"; exec "$cli" "$@" ;;
esac
