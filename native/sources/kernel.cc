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
  Kernel() : NoiseSource({.name = "getrandom", .role = SourceRole::kKernel}) {}

  bool Open() noexcept override {
    std::array<uint8_t, sizeof(uint64_t)> probe{};
    const WipeGuard guard(probe);
    return Read(probe) == ReadStatus::kOk;
  }

  ReadStatus Read(std::span<uint8_t> samples) noexcept override {
    // A signal can shorten a call for more than 256 bytes, or interrupt it before the first
    // (EINTR).
    for (size_t at = 0; at < samples.size();) {
      const ssize_t count = getrandom(samples.data() + at, samples.size() - at, 0);
      if (count > 0) {
        at += static_cast<size_t>(count);
      } else if (errno == EINTR) {
        ++retries_;
      } else {
        error_ = std::generic_category().message(errno);
        Wipe(samples);
        return ReadStatus::kFailed;
      }
    }
    return ReadStatus::kOk;
  }
};

}  // namespace

std::unique_ptr<NoiseSource> MakeKernel() { return std::make_unique<Kernel>(); }

}  // namespace entropyd
