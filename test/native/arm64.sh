#!/usr/bin/env bash
# Tests the arm64 noise source under QEMU, on a CPU with RNDRRS and on one without, and that the
# estimators give NIST's figures there too.
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

aarch64-linux-gnu-g++ -std=c++20 -O2 -static -Wall -Wextra -Werror -Inative \
  test/native/arm64_assess.cc native/assess/*.cc -o "$build/arm64_assess"
# estimate FILE MIN_ENTROPY: of test/vectors/90b/figures.json
estimate() {
  echo "-- min-entropy of $1: $2"
  timeout 120 qemu-aarch64 "$build/arm64_assess" "test/vectors/90b/$1" "$2"
}
estimate rand1_short.bin 0.611716204794
estimate rand4_short.bin 3.215488267877
estimate rand8_short.bin 5.860893744485
