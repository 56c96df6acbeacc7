// getrandom(2): the kernel's generator. It is part of every seed, so that the output is never
// weaker.
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {
namespace {

class Kernel final : public NoiseSource {
 public:
  // H = 8: its output is full entropy if it is seeded, and the profile may credit as much.
  Kernel()
      : NoiseSource({.name = "getrandom",
                     .role = SourceRole::kKernel,
                     .physical = false,
                     .tested_bits_per_byte = 8}) {}

  bool Open() noexcept override {
    std::array<uint8_t, sizeof(uint64_t)> probe{};
    const WipeGuard guard(probe);
    std::span<uint8_t> rest = probe;
    return Read(rest) == ReadStatus::kOk;
  }

  ReadStatus Read(std::span<uint8_t>& rest) noexcept override {
    // A signal can shorten a call for more than 256 bytes, or interrupt it before the first
    // (EINTR).
    while (!rest.empty()) {
      const ssize_t count = getrandom(rest.data(), rest.size(), 0);
      if (count > 0) {
        rest = rest.subspan(static_cast<size_t>(count));
      } else if (errno == EINTR) {
        ++retries_;
      } else {
        error_ = std::generic_category().message(errno);
        return ReadStatus::kFailed;
      }
    }
    return ReadStatus::kOk;
  }
};

}  // namespace

std::unique_ptr<NoiseSource> MakeKernel() { return std::make_unique<Kernel>(); }

}  // namespace entropyd
