#!/usr/bin/env bash
# Tests the arm64 noise source under QEMU, on a CPU with RNDRRS and on one without.
#   arm64.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
build=test/native/build/arm64
mkdir -p "$build"
aarch64-linux-gnu-g++ -std=c++20 -O2 -static -Wall -Wextra -Werror -Inative \
  test/native/arm64_rndrrs.cc native/sources/{cpu_words,rndrrs}.cc \
  native/health/{health_tests,tested_source}.cc native/memory/secure_memory.cc -o "$build/arm64_rndrrs"

run() {
  echo "-- $1: $2"
  timeout 120 qemu-aarch64 -cpu "$1" "$build/arm64_rndrrs" "$2"
}
run max present
run cortex-a57 absent
