// A noise source behind its health tests (SP 800-90B 4.3): no credited sample bypasses them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "health/health_tests.h"
#include "memory/clock.h"
#include "sources/noise_source.h"

namespace entropyd {

enum class SourceState : uint8_t {
  kAbsent,   // this host does not have it
  kTesting,  // in its startup test
  kPassing,
  kWaiting,  // it has yielded nothing for a second or more, which is no failure; it may come back
  kLost,     // it was present and answers with an error; it may come back
  kFailed,   // a permanent alarm: out until a self-test passes
};

const char* Name(SourceState state) noexcept;

// What is reported about a source; counters run since the process started.
struct SourceReport {
  SourceState state = SourceState::kTesting;
  uint64_t since = 0;  // when it entered the state, by the clock of its TestedSource
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
  // Called if the source has nothing more for now, with the number of earlier waits in this read.
  // Returns false to give up. Without one, a read gives up at once.
  using Wait = std::function<bool(unsigned waits)>;

  // `on_alarm` is called after an alarm, before the startup test is repeated.
  TestedSource(std::unique_ptr<NoiseSource> source, Clock clock, Wait wait = nullptr,
               std::function<void()> on_alarm = nullptr) noexcept;

  const SourceTraits& traits() const noexcept { return source_->traits(); }
  // Without kWaiting, which only time makes: WithWaiting() adds it.
  const SourceReport& report() const noexcept { return report_; }
  bool passing() const noexcept { return report_.state == SourceState::kPassing; }
  // Nothing is to be expected of it until Revive().
  bool retired() const noexcept { return retired_; }

  // Opens the source and runs its startup test, unless it is retired. The state is then kPassing,
  // kAbsent, kLost or kFailed, or still kTesting if the wait was given up.
  void Start() noexcept;
  // The startup test, also on demand: `startup_bytes` samples, all discarded. True if it passed.
  // Three alarms are permanent. A source that is not physical and has never passed is then absent:
  // this host's timing has no noise.
  bool TestStartup() noexcept;
  // Fills the span with tested samples, or leaves zeros and returns false. An alarm discards the
  // samples, repeats the startup test and reads again.
  bool Read(std::span<uint8_t> samples) noexcept;
  // The same without the health tests, for additional input, which is never credited.
  bool ReadUntested(std::span<uint8_t> samples) noexcept;
  // Reads a word, to see whether a source that yielded nothing has come back.
  void Probe() noexcept;
  // Takes the source out, as a permanent alarm of `test` does.
  void Fail(const std::string& test) noexcept;
  // Back in after a self-test has passed: Start() may be called.
  void Revive() noexcept;

  // The report as of now: kWaiting if a read has been waiting for a second or more. `report` is a
  // copy of report(); callable from any thread.
  SourceReport WithWaiting(SourceReport report) const noexcept;

 private:
  ReadStatus ReadRaw(std::span<uint8_t> samples) noexcept;
  enum class Startup : uint8_t { kPassed, kAlarm, kUnread };
  Startup RunStartup() noexcept;
  void NoteAlarm(const std::string& test, Severity severity) noexcept;
  void NoteUnread(ReadStatus status) noexcept;
  void Enter(SourceState state) noexcept;

  static constexpr unsigned kMaxAlarms = 3;

  std::unique_ptr<NoiseSource> source_;
  Clock clock_;
  HealthTests tests_;
  Wait wait_;
  std::function<void()> on_alarm_;
  SourceReport report_;
  bool retired_ = false;
  bool has_passed_ = false;
  // When the last alarms were raised, since the source was last revived.
  std::array<uint64_t, kMaxAlarms> alarm_times_{};
  unsigned recent_alarms_ = 0;
  // When the source began to yield nothing, by clock_; kNever if it does yield.
  static constexpr uint64_t kNever = ~uint64_t{0};
  std::atomic<uint64_t> waiting_since_ = kNever;
};

}  // namespace entropyd
