#!/usr/bin/env bash
# One native file of torchkv without the port, which needs no .NET on the machine that it runs on: generate, chat, serve, logits,
# perplexity, tokenize. Every trim and AOT warning is an error.
# usage: aot.sh [RID] [INSTRUCTION_SET]      else this machine's; x86-64-v3 on x64 (machines since 2013), the compiler's default elsewhere
# It takes the native compiler's package from NuGet, and a linker (gcc or clang, zlib1g-dev).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rid=${1:-$(dotnet --info | sed -n 's/^ *RID: *//p')}
case $rid in *-x64) set=${2:-x86-64-v3} ;; *) set=${2:-} ;; esac
out=$PWD/artifacts/aot/$rid
mkdir -p "$out"
dotnet publish src/TorchKv.Cli.Aot/TorchKv.Cli.Aot.csproj -c Release -r "$rid" --artifacts-path "$out/build" -o "$out/publish" -v q -nologo \
    -p:PublishAot=true -p:IlcInstructionSet="$set" -p:TrimmerSingleWarn=false -p:ILLinkTreatWarningsAsErrors=true -p:IlcTreatWarningsAsErrors=true >"$out/publish.log" 2>&1 \
    || { tail -n 20 "$out/publish.log" >&2; exit 1; }
program=TorchKv.Cli name=torchkv
if [ -f "$out/publish/$program.exe" ]; then program=$program.exe name=$name.exe; fi
cp "$out/publish/$program" "$out/$name"
printf '%s: %s MB\n' "${out#"$PWD"/}/$name" "$(wc -c <"$out/$name" | awk '{ printf "%.1f", $1 / 1e6 }')"
