#!/usr/bin/env bash
# Placeholder until set-up lands: builds.
set -euo pipefail
cd "$(dirname "$0")"
dotnet build TorchKv.sln -c Release
