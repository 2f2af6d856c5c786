#!/usr/bin/env bash
# Writes changes of the public interface down in src/*/PublicAPI.Unshipped.txt, where a review sees them. A release moves the
# lines to PublicAPI.Shipped.txt.
# usage: tools/packages/api.sh [PROJECT…]      names of folders in src; all packages if none is given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
projects=("$@")
if [ $# = 0 ]; then for file in src/*/PublicAPI.Unshipped.txt; do projects+=("$(basename "$(dirname "$file")")"); done; fi
for project in "${projects[@]}"; do
    file=src/$project/PublicAPI.Unshipped.txt
    touch "$file" # else a build that is up to date says nothing
    said=$(dotnet build "src/$project/$project.csproj" -c Release -v q -nologo -p:TreatWarningsAsErrors=false -clp:NoSummary 2>&1) || true
    if grep -E "error " <<<"$said"; then exit 1; fi
    said=$(grep -F "/$project.csproj]" <<<"$said") || true # not what the projects below it say
    added=$(sed -nE "s/.*RS0016: Symbol '(.*)' is not part of the declared public API.*/\1/p" <<<"$said" | sort -u)
    gone=$(sed -nE "s/.*RS0017: Symbol '(.*)' is part of the declared API, but.*/\1/p" <<<"$said" | sort -u)
    {
        echo '#nullable enable'
        { grep -vxF -e '#nullable enable' "$file" || true; printf '%s\n' "$added"; } | grep . | grep -vxFf <(printf '%s\n' "${gone:-#}") | LC_ALL=C sort -u || true
    } >"$file.new"
    mv "$file.new" "$file"
    printf '%s: %d more, %d fewer\n' "$project" "$(grep -c . <<<"$added" || true)" "$(grep -c . <<<"$gone" || true)"
done
