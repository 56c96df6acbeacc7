// Reading by pieces, with two time limits.
#include "health/raw_samples.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "memory/clock.h"
#include "memory/secure_memory.h"

namespace entropyd {
namespace {

constexpr size_t kPiece = 4096;
constexpr uint64_t kSilenceNs = 30 * kNsPerSecond;
constexpr uint64_t kNsPerMinute = 60 * kNsPerSecond;

size_t InWords(size_t size) {
  return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

}  // namespace

RawSamples::RawSamples(SourceFactory make, size_t size,
                       std::shared_ptr<const std::atomic<bool>> cancelled, uint64_t limit_ns)
    : make_(std::move(make)),
      size_(size),
      limit_ns_(limit_ns),
      samples_(InWords(size)),
      cancelled_(std::move(cancelled)) {}

RawSamples::~RawSamples() { Wipe(samples_); }

std::string RawSamples::Read() {
  const std::unique_ptr<NoiseSource> source = make_();
  const std::string& name = source->traits().name;
  if (!source->Open())
    return name + " is absent" +
           (source->error().empty() ? "" : ": " + std::string(source->error()));
  std::span<uint8_t> rest = samples_;
  const uint64_t start = NowNs();
  uint64_t last = start;
  while (!rest.empty()) {
    std::span<uint8_t> piece = rest.first(std::min(rest.size(), kPiece));
    const size_t before = piece.size();
    const ReadStatus status = source->Read(piece);
    const size_t count = before - piece.size();
    rest = rest.subspan(count);
    if (count > 0) last = NowNs();
    if (status == ReadStatus::kFailed) return name + ": " + std::string(source->error());
    if (*cancelled_) return "the generator is closed";
    if (NowNs() - start > limit_ns_)
      return name + " is too slow: not all in " + std::to_string(limit_ns_ / kNsPerMinute) + " min";
    if (status == ReadStatus::kOk) continue;
    if (NowNs() - last > kSilenceNs) return name + " has yielded nothing for 30 s";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return "";
}

}  // namespace entropyd
