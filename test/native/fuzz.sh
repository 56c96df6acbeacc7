#!/usr/bin/env bash
# Fuzzes the reading and testing of sources under libFuzzer, with the address and undefined behavior
# sanitizers; its findings are in test/native/build/fuzz.
#   fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
build=test/native/build/fuzz
mkdir -p "$build/corpus"
clang++-14 -std=c++20 -O2 -g -fno-omit-frame-pointer -Wall -Wextra -Werror \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Inative \
  test/native/fuzz_sources.cc native/health/{health_tests,tested_source}.cc \
  native/memory/secure_memory.cc native/sources/device.cc -o "$build/fuzz_sources"
# Starts with inputs that are long enough to reach much of the code.
for seed in $(seq 200); do
  [ -e "$build/corpus/seed-$seed" ] || head -c 256 /dev/urandom >"$build/corpus/seed-$seed"
done
"$build/fuzz_sources" -max_total_time="$seconds" -max_len=512 -len_control=0 -timeout=20 -rss_limit_mb=1024 \
  -print_final_stats=1 -verbosity=1 -print_funcs=0 -artifact_prefix="$build/" "$build/corpus" 2>&1 |
  tee "$build/log" | grep -vE '^(INFO|#[0-9])' | tail -n 40
