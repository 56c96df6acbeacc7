// The reactions to the health tests' verdicts (SP 800-90B 4.3, item 9).
#include "health/tested_source.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "memory/secure_memory.h"

namespace entropyd {
namespace {

constexpr unsigned kStartupTries = 3;
// Bytes in a startup test: 4096 words of a CPU source; for a source that may be slow, the 1024
// samples that SP 800-90B 4.3 requires at least.
constexpr size_t kStartupFast = 32768;
constexpr size_t kStartupSlow = 1024;
// Bytes per read: a slow source must deliver this many within one timeout.
constexpr size_t kStartupChunk = 64;

}  // namespace

uint64_t NowNs() noexcept {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

const char* Name(SourceState state) noexcept {
  switch (state) {
    case SourceState::kAbsent:
      return "absent";
    case SourceState::kTesting:
      return "testing";
    case SourceState::kPassing:
      return "passing";
    case SourceState::kLost:
      return "lost";
    case SourceState::kFailed:
      return "failed";
  }
  return "failed";
}

TestedSource::TestedSource(std::unique_ptr<NoiseSource> source, Wait wait) noexcept
    : source_(std::move(source)), tests_(source_->traits().sample), wait_(std::move(wait)) {}

bool TestedSource::ReadRaw(std::span<uint8_t> samples) noexcept {
  const uint64_t start = NowNs();
  reading_since_ = start;
  ReadStatus status = source_->Read(samples);
  for (unsigned waits = 0; status == ReadStatus::kTryAgain && wait_ && wait_(waits); ++waits)
    status = source_->Read(samples);
  reading_since_ = 0;
  report_.retries = source_->retries();
  if (status != ReadStatus::kOk) {
    Wipe(samples);
    report_.last_error = status == ReadStatus::kTryAgain ? "timed out" : source_->error();
    return false;
  }
  report_.read_ns += NowNs() - start;
  report_.timed_bytes += samples.size();
  report_.bytes += samples.size();
  ++report_.reads;
  return true;
}

void TestedSource::NoteAlarm(const Verdict& verdict) noexcept {
  ++report_.alarms;
  report_.last_alarm = verdict.test;
  if (verdict.severity == Severity::kPermanent) report_.state = SourceState::kFailed;
}

// A device may return; an instruction that stopped answering is broken. A device that never
// delivered anything is absent, not lost: its node exists without hardware behind it.
void TestedSource::NoteLoss() noexcept {
  if (!traits().blocking)
    report_.state = SourceState::kFailed;
  else if (report_.bytes == 0 && report_.last_error != "timed out")
    report_.state = SourceState::kAbsent;
  else
    report_.state = SourceState::kLost;
}

// One startup test; true if no alarm was raised and every read succeeded.
bool TestedSource::StartupRun() noexcept {
  std::array<uint8_t, kStartupChunk> chunk{};
  const WipeGuard guard(chunk);
  tests_.Reset();
  const size_t total = traits().blocking ? kStartupSlow : kStartupFast;
  for (size_t at = 0; at < total; at += chunk.size()) {
    if (!ReadRaw(chunk)) {
      NoteLoss();
      return false;
    }
    const Verdict verdict = tests_.Insert(chunk);
    if (verdict.severity != Severity::kNone) {
      NoteAlarm(verdict);
      return false;
    }
  }
  return true;
}

bool TestedSource::TestStartup() noexcept {
  // A lost source must be reopened first: a device may hold half of an abandoned read.
  if (report_.state != SourceState::kTesting && !passing()) return false;
  report_.state = SourceState::kTesting;
  for (unsigned attempt = 0; attempt < kStartupTries; ++attempt) {
    if (StartupRun()) {
      report_.state = SourceState::kPassing;
      return true;
    }
    if (report_.state != SourceState::kTesting) return false;
  }
  report_.state = SourceState::kFailed;
  return false;
}

void TestedSource::Start() noexcept {
  if (report_.state == SourceState::kFailed) return;
  if (source_->Open()) {
    report_.state = SourceState::kTesting;
    TestStartup();
    return;
  }
  report_.last_error = source_->error();
  report_.state = report_.bytes == 0 ? SourceState::kAbsent : SourceState::kLost;
}

// Hot path: called by every generate, so it does without the clock of ReadRaw().
bool TestedSource::ReadUntested(std::span<uint8_t> samples) noexcept {
  report_.retries = source_->retries();
  if (source_->Read(samples) == ReadStatus::kOk) {
    report_.bytes += samples.size();
    ++report_.reads;
    return true;
  }
  Wipe(samples);
  report_.last_error = source_->error();
  if (passing()) NoteLoss();
  return false;
}

bool TestedSource::Read(std::span<uint8_t> samples) noexcept {
  // Bounded: each turn except the last has passed a startup test and raised a new alarm.
  for (unsigned attempt = 0; attempt < kStartupTries && passing(); ++attempt) {
    if (!ReadRaw(samples)) {
      NoteLoss();
      return false;
    }
    const Verdict verdict = tests_.Insert(samples);
    if (verdict.severity == Severity::kNone) return true;
    Wipe(samples);
    NoteAlarm(verdict);
    TestStartup();
  }
  Wipe(samples);
  if (passing()) report_.state = SourceState::kFailed;
  return false;
}

}  // namespace entropyd
