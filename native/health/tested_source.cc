// The reactions to the health tests' verdicts (SP 800-90B 4.3, item 9).
#include "health/tested_source.h"

#include <algorithm>
#include <utility>

#include "memory/secure_memory.h"

namespace entropyd {
namespace {

// Bytes per read.
constexpr size_t kStartupChunk = 64;
// Three alarms of a source within this time are permanent.
constexpr uint64_t kAlarmWindowNs = 3600 * kNsPerSecond;
constexpr uint64_t kWaitingNs = kNsPerSecond;

}  // namespace

const char* Name(SourceState state) noexcept {
  switch (state) {
    case SourceState::kAbsent:
      return "absent";
    case SourceState::kTesting:
      return "testing";
    case SourceState::kPassing:
      return "passing";
    case SourceState::kWaiting:
      return "waiting";
    case SourceState::kLost:
      return "lost";
    case SourceState::kFailed:
      return "failed";
  }
  return "failed";
}

TestedSource::TestedSource(std::unique_ptr<NoiseSource> source, Clock clock, Wait wait,
                           std::function<void()> on_alarm) noexcept
    : source_(std::move(source)),
      clock_(clock),
      tests_(source_->traits().sample, source_->traits().tested_bits_per_byte),
      wait_(std::move(wait)),
      on_alarm_(std::move(on_alarm)) {
  report_.since = clock_();
}

void TestedSource::Enter(SourceState state) noexcept {
  if (report_.state == state) return;
  report_.state = state;
  report_.since = clock_();
  if (state == SourceState::kPassing) has_passed_ = true;
}

ReadStatus TestedSource::ReadRaw(std::span<uint8_t> samples) noexcept {
  const uint64_t start = NowNs();
  // A read that the kernel holds is a wait as well.
  if (waiting_since_ == kNever) waiting_since_ = clock_();
  std::span<uint8_t> rest = samples;
  ReadStatus status = source_->Read(rest);
  for (unsigned waits = 0; status == ReadStatus::kTryAgain && wait_; ++waits) {
    report_.retries = source_->retries();
    if (!wait_(waits)) break;
    const size_t before = rest.size();
    status = source_->Read(rest);
    // It yields, if slowly.
    if (rest.size() < before) {
      waiting_since_ = clock_();
      waits = 0;
    }
  }
  report_.retries = source_->retries();
  if (status != ReadStatus::kTryAgain) waiting_since_ = kNever;
  if (status != ReadStatus::kOk) {
    Wipe(samples);
    return status;
  }
  report_.read_ns += NowNs() - start;
  report_.timed_bytes += samples.size();
  report_.bytes += samples.size();
  ++report_.reads;
  return status;
}

void TestedSource::Fail(const std::string& test) noexcept {
  report_.last_alarm = test;
  retired_ = true;
  Enter(SourceState::kFailed);
}

void TestedSource::Revive() noexcept {
  if (!retired_) return;
  retired_ = false;
  recent_alarms_ = 0;
  Enter(SourceState::kTesting);
}

void TestedSource::NoteAlarm(const std::string& test, Severity severity) noexcept {
  const uint64_t now = clock_();
  ++report_.alarms;
  report_.last_alarm = test;
  const uint64_t third_last = alarm_times_[(recent_alarms_ + 1) % kMaxAlarms];
  alarm_times_[recent_alarms_ % kMaxAlarms] = now;
  ++recent_alarms_;
  if (severity == Severity::kPermanent ||
      (recent_alarms_ >= kMaxAlarms && now - third_last < kAlarmWindowNs))
    Fail(test);
  else
    Enter(SourceState::kTesting);
  if (on_alarm_) on_alarm_();
}

// A source that never delivered anything is absent, not lost: its node or its CPUID bit exists
// without hardware behind it. One that yields nothing for now keeps its state.
void TestedSource::NoteUnread(ReadStatus status) noexcept {
  if (status == ReadStatus::kTryAgain) return;
  report_.last_error = source_->error();
  Enter(report_.bytes == 0 ? SourceState::kAbsent : SourceState::kLost);
}

TestedSource::Startup TestedSource::RunStartup() noexcept {
  std::array<uint8_t, kStartupChunk> chunk{};
  const WipeGuard guard(chunk);
  tests_.Reset();
  for (size_t at = 0; at < traits().startup_bytes; at += chunk.size()) {
    if (const ReadStatus status = ReadRaw(chunk); status != ReadStatus::kOk) {
      NoteUnread(status);
      return Startup::kUnread;
    }
    const Verdict verdict = tests_.Insert(chunk);
    if (verdict.severity != Severity::kNone) {
      NoteAlarm(verdict.test, verdict.severity);
      return Startup::kAlarm;
    }
  }
  return Startup::kPassed;
}

bool TestedSource::TestStartup() noexcept {
  // A lost source must be reopened first: a device may hold half of an abandoned read.
  if (report_.state != SourceState::kTesting && !passing()) return false;
  Enter(SourceState::kTesting);
  while (!retired_) {
    const Startup result = RunStartup();
    if (result == Startup::kUnread) return false;
    if (result == Startup::kAlarm) continue;
    Enter(SourceState::kPassing);
    return true;
  }
  if (!has_passed_ && !traits().physical && traits().role == SourceRole::kSeed)
    Enter(SourceState::kAbsent);
  return false;
}

void TestedSource::Start() noexcept {
  if (retired_) return;
  if (!source_->Open()) {
    report_.last_error = source_->error();
    Enter(report_.bytes == 0 ? SourceState::kAbsent : SourceState::kLost);
    return;
  }
  Enter(SourceState::kTesting);
  TestStartup();
}

bool TestedSource::Read(std::span<uint8_t> samples) noexcept {
  // Bounded: each further turn has raised another alarm.
  while (passing()) {
    if (const ReadStatus status = ReadRaw(samples); status != ReadStatus::kOk) {
      NoteUnread(status);
      break;
    }
    const Verdict verdict = tests_.Insert(samples);
    if (verdict.severity == Severity::kNone) return true;
    Wipe(samples);
    NoteAlarm(verdict.test, verdict.severity);
    if (!retired_) TestStartup();
  }
  Wipe(samples);
  return false;
}

// Hot path: called by every generate, so it does without the clocks of ReadRaw().
bool TestedSource::ReadUntested(std::span<uint8_t> samples) noexcept {
  std::span<uint8_t> rest = samples;
  const ReadStatus status = source_->Read(rest);
  if (status == ReadStatus::kOk) {
    if (waiting_since_ != kNever) waiting_since_ = kNever;
    report_.bytes += samples.size();
    ++report_.reads;
    return true;
  }
  Wipe(samples);
  report_.retries = source_->retries();
  if (status == ReadStatus::kFailed)
    NoteUnread(status);
  else if (waiting_since_ == kNever)
    waiting_since_ = clock_();
  return false;
}

void TestedSource::Probe() noexcept {
  if (waiting_since_ == kNever) return;
  std::array<uint8_t, sizeof(uint64_t)> word{};
  const WipeGuard guard(word);
  ReadUntested(word);
}

SourceReport TestedSource::WithWaiting(SourceReport report) const noexcept {
  const uint64_t since = waiting_since_;
  const bool expected =
      report.state == SourceState::kTesting || report.state == SourceState::kPassing;
  if (!expected || since == kNever || clock_() - since < kWaitingNs) return report;
  report.state = SourceState::kWaiting;
  report.since = since;
  return report;
}

}  // namespace entropyd
