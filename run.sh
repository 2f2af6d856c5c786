#!/usr/bin/env bash
# TorchKv from a clone.
#
#   ./run.sh                 set up what is missing, then show the main job on the default model
#   ./run.sh test            set up, then run every test
#   ./run.sh bench NAME …    set up, then run a benchmark (./run.sh bench says which there are)
#   ./run.sh setup           set up only; `setup --again` looks at the machine afresh
#   ./run.sh COMMAND …       any torchkv command: generate, logits, perplexity, tokenize, plan, compare, info, …
#
# LIBTORCH=FOLDER uses that libtorch (a downloaded one, a pip wheel's, a CUDA one) instead of a package.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
state=$root/.build
cli=$root/src/TorchKv.Cli/bin/Release/net10.0/TorchKv.Cli
native=$root/artifacts/native
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# Progress goes to stderr: a torchkv command's stdout is its own.
say() { printf '%s\n' "$*" >&2; }
fail() { say "run.sh: $*"; exit 1; }

step() { # NAME COMMAND… : runs it with its output kept aside, says how long it took, shows the output if it failed
    local name=$1 log began
    shift
    log=$state/log-${name//[^a-zA-Z0-9]/-}.txt
    began=$SECONDS
    if [ -t 2 ]; then printf '  %s …' "$name" >&2; fi
    if "$@" >"$log" 2>&1; then
        if [ -t 2 ]; then printf '\r' >&2; fi
        printf '  %-44s %4d s\n' "$name" $((SECONDS - began)) >&2
    else
        say
        tail -n 40 "$log" >&2
        return 1
    fi
}

need_sdk() {
    local version=
    if command -v dotnet >/dev/null 2>&1; then version=$(dotnet --version 2>/dev/null || true); fi
    case $version in
        10.* | 1[1-9].*) ;;
        '') fail "the .NET SDK 10 is needed and there is none that fits global.json; get it from https://dotnet.microsoft.com/download/dotnet/10.0 (Debian/Ubuntu: package dotnet-sdk-10.0)." ;;
        *) fail "the .NET SDK 10 is needed, $version is here; get it from https://dotnet.microsoft.com/download/dotnet/10.0 (Debian/Ubuntu: package dotnet-sdk-10.0)." ;;
    esac
}

# Everything that a build reads: when none of it changed since the last build, there is nothing to do.
fingerprint() {
    {
        printf '%s\n' "$root" "${LIBTORCH:-}" "$(command -v dotnet)"
        find src tests benchmarks ./*.props ./*.targets ./*.sln global.json .editorconfig \
            \( -name bin -o -name obj -o -name fixtures \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    } | sha256sum | cut -d' ' -f1
}

write_binding() { # nuget|system
    printf '<Project>\n  <!-- Written by run.sh: what this machine has. -->\n  <PropertyGroup><TorchBinding>%s</TorchBinding></PropertyGroup>\n</Project>\n' "$1" >"$state/TorchBinding.props"
}

# The packages count only if they restore, build and compute here: TorchSharp's native part can ask for a newer C++ runtime than the machine has.
packages_work() {
    local probe=$state/probe
    rm -rf "$probe"
    mkdir -p "$probe"
    cat >"$probe/Probe.csproj" <<'EOF'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <UsesTorchSharp>true</UsesTorchSharp>
    <UsesTokenizers>true</UsesTokenizers>
    <GenerateDocumentationFile>false</GenerateDocumentationFile>
  </PropertyGroup>
</Project>
EOF
    cat >"$probe/Probe.cs" <<'EOF'
TorchSharp.torch.random.manual_seed(123);
using var t = TorchSharp.torch.randn(4);
return t.data<float>()[0] is < -0.1114f and > -0.1115f && typeof(Microsoft.ML.Tokenizers.BpeTokenizer) is not null ? 0 : 1;
EOF
    timeout 200 dotnet build "$probe/Probe.csproj" -c Release -p:TorchBinding=nuget -o "$probe/out" && timeout 60 "$probe/out/Probe"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# libopenblas0-pthread: libtorch's own dependency is satisfied by the reference BLAS, which is twenty times slower.
system_libtorch() {
    local missing=()
    if [ -z "${LIBTORCH:-}" ] && [ ! -e /usr/include/torch/library.h ] && [ ! -e /usr/include/ATen/ATen.h ]; then missing+=(libtorch-dev libopenblas0-pthread); fi
    command -v cmake >/dev/null 2>&1 || missing+=(cmake)
    command -v c++ >/dev/null 2>&1 || missing+=(g++)
    command -v make >/dev/null 2>&1 || command -v ninja >/dev/null 2>&1 || missing+=(make)
    [ ${#missing[@]} = 0 ] && return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "install ${missing[*]} with this system's package manager, or set LIBTORCH to a libtorch folder (https://pytorch.org/get-started/locally, C++), and run again."
    fi
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        fail "run this once, then again: sudo apt-get install -y --no-install-recommends ${missing[*]}"
    fi
    step "install ${missing[*]}" apt_install "${missing[@]}" || fail "apt-get could not install ${missing[*]} (see above)."
}

compile_shim() {
    cmake -S src/Bindings/TorchSharp/native -B "$native" -DCMAKE_BUILD_TYPE=Release ${LIBTORCH:+-DLIBTORCH="$LIBTORCH"}
    cmake --build "$native" --parallel
}

setup() {
    mkdir -p "$state"
    if [ "${1:-}" = --again ]; then rm -f "$state/TorchBinding.props" "$state/built"; fi
    local now
    now=$(fingerprint)
    if [ -x "$cli" ] && [ -f "$state/TorchBinding.props" ] && [ "$(cat "$state/built" 2>/dev/null)" = "$now" ]; then return 0; fi
    need_sdk
    # One set-up at a time; a second one finds the work done.
    if command -v flock >/dev/null 2>&1; then
        exec 9>"$state/lock"
        flock 9
        if [ -f "$state/TorchBinding.props" ] && [ "$(cat "$state/built" 2>/dev/null)" = "$now" ]; then exec 9>&-; return 0; fi
    fi
    say "Setting up TorchKv"
    if [ ! -f "$state/TorchBinding.props" ]; then
        if [ -n "${LIBTORCH:-}" ]; then
            write_binding system
        elif step "try the TorchSharp package" packages_work 2>/dev/null; then
            write_binding nuget
        else
            say "  the package is not to be had or does not load here: using the system's libtorch"
            write_binding system
        fi
        rm -rf "$state/probe"
    fi
    if grep -q '>system<' "$state/TorchBinding.props"; then
        system_libtorch
        step "compile the shim on libtorch" compile_shim || fail "the native shim did not compile (see above)."
    fi
    step "restore packages" dotnet restore TorchKv.sln -v q || fail "a NuGet package could not be restored (see above)."
    step "build" dotnet build TorchKv.sln -c Release --no-restore -v q -clp:ErrorsOnly || fail "the build failed (see above)."
    printf '%s\n' "$now" >"$state/built"
    if command -v flock >/dev/null 2>&1; then exec 9>&-; fi
}

run_tests() {
    local passed=0 failed=0 skipped=0 project name exe log line rc
    for project in tests/*.Tests/*.csproj; do
        name=$(basename "$project" .csproj)
        exe=$root/tests/$name/bin/Release/net10.0/$name
        log=$state/test-$name.txt
        printf '\n%s\n' "$name"
        rc=0
        "$exe" -noColor -noLogo "$@" </dev/null >"$log" 2>&1 || rc=$?
        grep -vE '^ *(Discovering|Discovered|Starting|Finished):' "$log" || true
        line=$(grep -E "^ *$name +Total: " "$log" | tail -n 1 || true)
        if [[ $line =~ Total:\ ([0-9]+),\ Errors:\ ([0-9]+),\ Failed:\ ([0-9]+),\ Skipped:\ ([0-9]+),\ Not\ Run:\ ([0-9]+) ]]; then
            local bad=$((BASH_REMATCH[2] + BASH_REMATCH[3]))
            passed=$((passed + BASH_REMATCH[1] - BASH_REMATCH[3] - BASH_REMATCH[4] - BASH_REMATCH[5]))
            skipped=$((skipped + BASH_REMATCH[4]))
            if [ "$bad" = 0 ] && [ "$rc" != 0 ]; then bad=1; fi
            failed=$((failed + bad))
        else
            echo "$name ended (exit code $rc) without a summary."
            failed=$((failed + 1))
        fi
    done
    echo
    if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

bench() {
    local name=${1:-}
    [ $# = 0 ] || shift
    case $name in
        port | peers | engine | kernels | aot) exec "$root/benchmarks/compare/$name.sh" "$@" ;;
        *)
            cat >&2 <<'EOF'
./run.sh bench NAME [--quick] [--json FILE] [--plot FILE.svg]
  port      the port beside the same work in PyTorch, on the same libtorch
  peers     the CPU runner beside llama.cpp and PyTorch
  engine    continuous batching, prefix caching, speculative decoding
  kernels   the CPU runner by itself, its kernels one by one (--benchmarks), a step on more cores simulated (--cores)
  aot       a program of the runtime compiled ahead of time: size, start-up, speed, the same ids
EOF
            exit 2
            ;;
    esac
}

case ${1:-} in
    '') setup; exec "$cli" demo ;;
    setup) shift; setup "$@" ;;
    test) shift; setup; run_tests "$@" ;;
    bench) shift; setup; bench "$@" ;;
    *) setup; cd "$invoked_from"; exec "$cli" "$@" ;;
esac
