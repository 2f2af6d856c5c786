#!/usr/bin/env bash
# Fetches a published GPT-2 in HuggingFace's layout into weights/NAME.
#
#   weights/fetch.sh gpt2|gpt2-medium|gpt2-large|gpt2-xl|distilgpt2 [FOLDER]
#
# What is there and checked is not fetched again; what was interrupted goes on where it stopped. Every file is checked against
# the checksum that the server publishes for it: the SHA-256 of its large-file storage, or git's own of a small file.
# TORCHKV_WEIGHTS_URL names another server with the same paths (a mirror); one that publishes no checksums is used with a warning.
set -euo pipefail

base=${TORCHKV_WEIGHTS_URL:-https://huggingface.co}
base=${base%/}
files=(config.json generation_config.json vocab.json merges.txt model.safetensors)
attempts=5

say() { printf '%s\n' "$*" >&2; }
fail() { say "fetch.sh: $*"; exit 1; }

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
name=$1
case $name in
    gpt2) repository=openai-community/gpt2 size='0.5 GB' licence='MIT, by OpenAI (2019)' ;;
    gpt2-medium) repository=openai-community/gpt2-medium size='1.5 GB' licence='MIT, by OpenAI (2019)' ;;
    gpt2-large) repository=openai-community/gpt2-large size='3.2 GB' licence='MIT, by OpenAI (2019)' ;;
    gpt2-xl) repository=openai-community/gpt2-xl size='6.4 GB' licence='MIT, by OpenAI (2019)' ;;
    distilgpt2) repository=distilbert/distilgpt2 size='0.35 GB' licence='Apache 2.0, by HuggingFace (2019)' ;;
    *) say "fetch.sh: no model \"$name\"."; usage ;;
esac
folder=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$name}
command -v curl >/dev/null 2>&1 || fail "curl is needed (Debian/Ubuntu: apt-get install curl)."

if command -v sha256sum >/dev/null 2>&1; then
    sha256() { sha256sum | cut -d' ' -f1; }
    sha1() { sha1sum | cut -d' ' -f1; }
elif command -v shasum >/dev/null 2>&1; then
    sha256() { shasum -a 256 | cut -d' ' -f1; }
    sha1() { shasum -a 1 | cut -d' ' -f1; }
else
    fail "sha256sum or shasum is needed to check what is fetched."
fi

bytes() { wc -c <"$1" | tr -d ' '; }

# The checksum of a file as the server writes it: 64 hex digits are its SHA-256, 40 are git's of the blob.
matches() { # FILE CHECKSUM
    case ${#2} in
        64) [ "$(sha256 <"$1")" = "$2" ] ;;
        40) [ "$({ printf 'blob %s\0' "$(bytes "$1")"; cat "$1"; } | sha1)" = "$2" ] ;;
        *) return 1 ;;
    esac
}

is_checksum() { [[ $1 =~ ^([0-9a-f]{64}|[0-9a-f]{40})$ ]]; }

recorded() { # FILE : the SHA-256 that an earlier run checked and noted
    [ -f "$folder/SHA256SUMS" ] && awk -v file="$1" '$2 == file { print $1; exit }' "$folder/SHA256SUMS"
}

record() { # FILE
    local sums=$folder/SHA256SUMS
    { if [ -f "$sums" ]; then awk -v file="$1" '$2 != file' "$sums"; fi; printf '%s  %s\n' "$(sha256 <"$folder/$1")" "$1"; } >"$sums.part"
    mv "$sums.part" "$sums"
}

published() { # FILE : the checksum that the server gives, or nothing
    local headers sum pointer
    headers=$(curl -fsSIL --retry 2 -H 'Accept-Encoding: identity' "$base/$repository/resolve/main/$1") ||
        fail "$base/$repository/resolve/main/$1 cannot be reached. TORCHKV_WEIGHTS_URL may name another server."
    # A large file's first answer is a redirection that names its SHA-256; the storage behind it has tags of its own.
    sum=$(tr -d '\r' <<<"$headers" | awk 'tolower($1) == "x-linked-etag:" { print $2; exit }' | tr -d '"')
    if ! is_checksum "$sum"; then
        sum=$(tr -d '\r' <<<"$headers" | awk 'tolower($1) == "etag:" { tag = $2 } END { print tag }' | sed 's/^W\///' | tr -d '"')
    fi
    if ! is_checksum "$sum"; then
        # Only the first bytes: where there is no pointer this is the file itself. head ends curl early, which is no error here.
        pointer=$(curl -fsL --max-filesize 1024 "$base/$repository/raw/main/$1" 2>/dev/null | head -c 1024 | tr -d '\0') || true
        sum=$(sed -n 's/^oid sha256:\([0-9a-f]\{64\}\)$/\1/p' <<<"$pointer")
    fi
    if is_checksum "$sum"; then printf '%s\n' "$sum"; fi
}

download() { # FILE : into FILE.part, from where an earlier attempt stopped
    local url=$base/$repository/resolve/main/$1 part=$folder/$1.part attempt status progress=(-sS)
    if [ -t 2 ]; then progress=(--progress-bar); fi
    for ((attempt = 1; attempt <= attempts; attempt++)); do
        status=0
        curl -fL "${progress[@]}" -H 'Accept-Encoding: identity' -C - -o "$part" "$url" || status=$?
        case $status in
            0) return 0 ;;
            22) # Refused, or (416) there is nothing left to send: the checksum tells which.
                if [ -s "$part" ]; then return 0; fi
                fail "$url: the server refused (see above)."
                ;;
            33 | 36) rm -f "$part" ;; # The server cannot go on in the middle: from the start.
        esac
        say "  $1: interrupted at $( [ -f "$part" ] && bytes "$part" || echo 0) bytes (curl $status), attempt $attempt of $attempts"
        sleep "$((attempt - 1))"
    done
    fail "$url: no luck after $attempts attempts; run again to go on from where it stopped."
}

fetch() { # FILE
    local file=$1 sum expected
    expected=$(recorded "$file" || true)
    if [ -n "$expected" ] && [ -f "$folder/$file" ] && [ "$(sha256 <"$folder/$file")" = "$expected" ]; then
        say "  $file: there and unchanged"
        return
    fi
    sum=$(published "$file")
    if [ -z "$sum" ] && [ -z "${TORCHKV_WEIGHTS_URL:-}" ]; then
        fail "$base publishes no checksum for $file, so it could not be checked; nothing was fetched."
    fi
    if [ -n "$sum" ] && [ -f "$folder/$file" ] && matches "$folder/$file" "$sum"; then
        record "$file"
        say "  $file: there, checksum right"
        return
    fi
    local again
    for again in no yes; do
        download "$file"
        if [ -z "$sum" ]; then
            say "  $file: WARNING: $base publishes no checksum, so only its length was checked"
            break
        fi
        if matches "$folder/$file.part" "$sum"; then break; fi
        rm -f "$folder/$file.part"
        if [ $again = yes ]; then fail "$file: the checksum is wrong; the server says $sum. It was not kept."; fi
        say "  $file: the checksum is wrong, once more from the start"
    done
    mv "$folder/$file.part" "$folder/$file"
    record "$file"
    say "  $file: $(bytes "$folder/$file") bytes${sum:+, checksum right}"
}

mkdir -p "$folder"
say "$name from $base/$repository, about $size. Licence: $licence."
for file in "${files[@]}"; do fetch "$file"; done
say "Done: $folder"
