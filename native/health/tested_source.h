// A noise source behind its health tests (SP 800-90B 4.3): no credited sample bypasses them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "health/health_tests.h"
#include "sources/noise_source.h"

namespace entropyd {

enum class SourceState : uint8_t {
  kAbsent,   // this host does not have it
  kTesting,  // in its first startup test
  kPassing,
  kLost,    // it was present and does not answer; it may return
  kFailed,  // a permanent alarm: out until the process restarts
};

const char* Name(SourceState state) noexcept;

// What is reported about a source; counters run since the process started.
struct SourceReport {
  SourceState state = SourceState::kTesting;
  uint64_t bytes = 0;  // raw samples read
  uint64_t reads = 0;
  uint64_t retries = 0;
  uint64_t alarms = 0;
  // For the rate: bytes whose reading was timed, and the time that it took. ReadUntested() is not
  // timed.
  uint64_t timed_bytes = 0;
  uint64_t read_ns = 0;
  std::string last_alarm;  // the name of the test
  std::string last_error;
};

class TestedSource {
 public:
  // Called when the source has nothing yet, with the number of earlier waits in this read; returns
  // false to give up. Only blocking sources wait.
  using Wait = std::function<bool(unsigned waits)>;

  explicit TestedSource(std::unique_ptr<NoiseSource> source, Wait wait = nullptr) noexcept;

  const SourceTraits& traits() const noexcept { return source_->traits(); }
  const SourceReport& report() const noexcept { return report_; }
  bool passing() const noexcept { return report_.state == SourceState::kPassing; }

  // Opens the source and runs its startup test. The state is then kPassing, kAbsent, kLost or
  // kFailed.
  void Start() noexcept;
  // The startup test, also on demand: 32 KiB of a CPU source or 1024 samples of a slow one, all
  // discarded. Three failures in a row are permanent. True if it passed; false at once if the
  // source is neither passing nor in this test.
  bool TestStartup() noexcept;
  // Fills the span with tested samples, or leaves zeros and returns false. An intermittent alarm
  // discards the samples, repeats the startup test and reads again.
  bool Read(std::span<uint8_t> samples) noexcept;
  // The same without the health tests, for additional input, which is never credited.
  bool ReadUntested(std::span<uint8_t> samples) noexcept;
  // When the current read began, by NowNs(); 0 if there is none. Callable from any thread.
  uint64_t reading_since() const noexcept { return reading_since_.load(); }

 private:
  bool ReadRaw(std::span<uint8_t> samples) noexcept;
  bool StartupRun() noexcept;
  void NoteAlarm(const Verdict& verdict) noexcept;
  void NoteLoss() noexcept;

  std::unique_ptr<NoiseSource> source_;
  HealthTests tests_;
  Wait wait_;
  SourceReport report_;
  std::atomic<uint64_t> reading_since_ = 0;
};

// Nanoseconds on a steady clock.
uint64_t NowNs() noexcept;

}  // namespace entropyd
