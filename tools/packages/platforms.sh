#!/usr/bin/env bash
# Publishes torchkv without the port, trimmed and with its own .NET, for platforms that this machine need not be; a warning of
# the compiler, the trimmer or the AOT analysers is an error. With qemu-aarch64 and an Arm64 C library (Debian: qemu-user,
# libc6-arm64-cross, libstdc++6-arm64-cross) the Arm64 program also runs, and must give this machine's ids.
# .NET needs OpenSSL on Linux: ARM64_LIBRARIES names a folder with libssl.so.3 and libcrypto.so.3 of Debian's libssl3 for arm64.
# usage: platforms.sh [RID…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rids=("$@")
if [ $# = 0 ]; then rids=(linux-x64 linux-musl-x64 linux-arm64 win-x64 osx-arm64); fi
out=$PWD/artifacts/platforms
mkdir -p "$out"
for rid in "${rids[@]}"; do
    dotnet publish src/TorchKv.Cli.Aot/TorchKv.Cli.Aot.csproj -c Release -r "$rid" --artifacts-path "$out/build-$rid" -o "$out/$rid" -v q -nologo --self-contained \
        -p:PublishTrimmed=true -p:TrimmerSingleWarn=false -p:ILLinkTreatWarningsAsErrors=true -p:DebugType=none >"$out/$rid.log" 2>&1 \
        || { tail -n 20 "$out/$rid.log" >&2; exit 1; }
    printf '%s: %s MB, no warning\n' "$rid" "$(find "$out/$rid" -type f ! -name '*.xml' -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f", sum / 1e6 }')"
done

arm=$out/linux-arm64/TorchKv.Cli here=$out/linux-x64/TorchKv.Cli
if [ -x "$arm" ] && [ -x "$here" ] && command -v qemu-aarch64 >/dev/null; then
    ids() { # DTYPE COMMAND…
        "${@:2}" generate --model weights/storyteller --dtype "$1" --prompt "Once upon a time" --max-new-tokens 100 --json | sed 's/.*,"ids":\(\[[0-9,]*\]\).*/\1/'
    }
    for dtype in float32 bfloat16 int8 int4; do
        expected=$(ids $dtype "$here")
        found=$(ids $dtype env DOTNET_EnableWriteXorExecute=0 qemu-aarch64 -L /usr/aarch64-linux-gnu ${ARM64_LIBRARIES:+-E LD_LIBRARY_PATH=$ARM64_LIBRARIES} "$arm")
        [ -n "$found" ] && [ "$found" = "$expected" ] || { printf '%s: Arm64 gives %s, x64 %s\n' "$dtype" "$found" "$expected" >&2; exit 1; }
        printf 'Arm64 under qemu-user, %s: the same 100 ids as x64\n' $dtype
    done
fi
