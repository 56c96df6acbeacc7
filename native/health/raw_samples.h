// Raw samples of a source, for assessment (SP 800-90B 3.1). They come from an instance of its own,
// so that they reach no seed and the source in use is not disturbed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "memory/clock.h"
#include "sources/noise_source.h"

namespace entropyd {

class RawSamples {
 public:
  static constexpr uint64_t kLimitNs = 600 * kNsPerSecond;
  // `size`: bytes. Read() ends soon after `cancelled` is set, and gives up after `limit_ns`.
  RawSamples(SourceFactory make, size_t size, std::shared_ptr<const std::atomic<bool>> cancelled,
             uint64_t limit_ns = kLimitNs);
  ~RawSamples();
  RawSamples(const RawSamples&) = delete;
  RawSamples& operator=(const RawSamples&) = delete;

  // Reads them all, untested. Returns why it cannot, or an empty text. Gives up after 30 s without
  // a sample, and after the limit in all, unless the kernel holds the read.
  std::string Read();
  // Valid while this object lives.
  std::span<const uint8_t> bytes() const noexcept { return std::span(samples_).first(size_); }

 private:
  const SourceFactory make_;
  const size_t size_;
  const uint64_t limit_ns_;
  std::vector<uint8_t> samples_;  // whole words
  const std::shared_ptr<const std::atomic<bool>> cancelled_;
};

}  // namespace entropyd
