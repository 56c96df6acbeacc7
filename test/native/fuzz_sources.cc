// libFuzzer on the code that reads the outside world: device, health tests, tested source, with
// arbitrary bytes in arbitrary pieces. Each is compared with a naive model; any difference aborts.
#include <fuzzer/FuzzedDataProvider.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "health/health_tests.h"
#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace {

using entropyd::HealthTests;
using entropyd::ReadStatus;
using entropyd::SampleKind;
using entropyd::Severity;
using entropyd::SourceState;
using entropyd::TestedSource;
using entropyd::Verdict;
using Bytes = std::vector<uint8_t>;

constexpr size_t kWord = sizeof(uint64_t);
constexpr unsigned kStreamLog2 = 12;      // bytes
constexpr unsigned kLongStreamLog2 = 16;  // longer than the 4096 remembered words

void Require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "violated: " << what << '\n';
  std::abort();
}

bool AllZero(const Bytes& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

// --- streams -----------------------------------------------------------------------------------

// Vigna's splitmix64, which passes the health tests.
uint64_t Splitmix(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

// Healthy words, with faults that the fuzzer puts over them.
Bytes Stream(FuzzedDataProvider& input) {
  // Long streams are slow and rarely find more.
  const bool is_long = input.ConsumeIntegralInRange(0, 15) == 15;
  const size_t most = size_t{1} << (is_long ? kLongStreamLog2 : kStreamLog2);
  Bytes stream(input.ConsumeIntegralInRange<size_t>(0, most / kWord) * kWord);
  auto state = input.ConsumeIntegral<uint64_t>();
  for (size_t at = 0; at < stream.size(); at += kWord) {
    const uint64_t word = Splitmix(state);
    std::memcpy(stream.data() + at, &word, kWord);
  }
  const auto words = stream.size() / kWord;
  const auto faults = words == 0 ? 0 : input.ConsumeIntegralInRange<unsigned>(0, 6);
  for (unsigned fault = 0; fault < faults; ++fault) {
    const auto from = input.ConsumeIntegralInRange<size_t>(0, words - 1) * kWord;
    const auto value = input.ConsumeIntegral<uint8_t>();
    const auto length = input.ConsumeIntegralInRange<size_t>(1, 40);
    const auto at = std::span(stream).subspan(from);
    switch (input.ConsumeIntegralInRange(0, 4)) {
      case 0:  // a run
        std::ranges::fill(at.subspan(value % kWord, std::min(length, at.size() - value % kWord)),
                          value);
        break;
      case 1:  // constant words
        std::fill_n(at.begin(), kWord, static_cast<uint8_t>(value % 2 == 0 ? 0 : 0xff));
        break;
      case 2:  // a word from elsewhere in the stream
        std::ranges::copy(
            std::span(stream).subspan(stream.size() * value / 256 / kWord * kWord, kWord),
            at.begin());
        break;
      case 3:  // one value too often
        for (size_t i = 0; i < at.size() && i / length < 40; i += length) at[i] = value;
        break;
      default:  // a stuck bit
        for (size_t i = 0; i < at.size() && i / kWord < length * 30; i += kWord)
          at[i + value % kWord] |= static_cast<uint8_t>(1U << length % kWord);
    }
  }
  return stream;
}

// --- health tests ------------------------------------------------------------------------------

// H and its cutoffs for alpha 2^-30 and 2^-60, W = 512, computed independently (see
// test/vectors/health-cutoffs.json; H = 0.5 by Python's fractions).
struct Entropy {
  double bits_per_byte;
  unsigned repetition, repetition_permanent, proportion, proportion_permanent;
};
constexpr std::array kEntropies = {Entropy{7, 6, 10, 22, 32}, Entropy{4, 9, 16, 71, 91},
                                   Entropy{0.5, 61, 121, 422, 447}};

// The tests exactly as defined, on a whole stream: the first alarm, and the worst severity.
Verdict Model(const Bytes& stream, SampleKind kind, const Entropy& entropy) {
  const auto [bits, kRct, kRctPermanent, kApt, kAptPermanent] = entropy;
  constexpr unsigned kWindow = 512;
  constexpr size_t kRecent = 4096, kLaneWindow = 1024;
  Verdict verdict;
  const auto raise = [&verdict](Severity severity, const char* test, uint64_t at) {
    if (verdict.severity == Severity::kNone) verdict = {severity, test, at};
    verdict.severity = std::max(verdict.severity, severity);
  };
  const auto word_at = [&stream](size_t index) {
    uint64_t word = 0;
    std::memcpy(&word, stream.data() + index * kWord, kWord);
    return word;
  };
  const auto lanes_biased = [&](size_t end) {
    int total = 0;
    bool biased = false;
    for (unsigned lane = 0; lane < 64; ++lane) {
      int ones = 0;
      for (size_t index = end - kLaneWindow; index < end; ++index)
        ones += static_cast<int>(word_at(index) >> lane & 1);
      biased |= std::abs(ones - 512) > 112;
      total += ones;
    }
    return biased || std::abs(total - 32768) > 896;
  };
  std::deque<uint64_t> recent;
  std::unordered_multiset<uint64_t> seen;  // the same words
  unsigned run = 0;
  unsigned count = 0;
  for (size_t at = 0; at < stream.size(); ++at) {
    if (kind == SampleKind::kWord64 && at % kWord == 0 && verdict.severity == Severity::kNone) {
      const uint64_t word = word_at(at / kWord);
      const uint64_t end = at + kWord;
      if (word == 0 || word == ~uint64_t{0}) raise(Severity::kIntermittent, "constant word", end);
      if (!recent.empty() && recent.back() == word)
        raise(Severity::kIntermittent, "equal words", end);
      if (seen.contains(word)) raise(Severity::kIntermittent, "repeated word", end);
      if (end / kWord % kLaneWindow == 0 && lanes_biased(end / kWord))
        raise(Severity::kIntermittent, "bit lanes", end);
      recent.push_back(word);
      seen.insert(word);
      if (recent.size() > kRecent) {
        seen.erase(seen.find(recent.front()));
        recent.pop_front();
      }
    }
    run = at > 0 && stream[at] == stream[at - 1] ? run + 1 : 1;
    if (run >= kRct)
      raise(run >= kRctPermanent ? Severity::kPermanent : Severity::kIntermittent,
            "repetition count", at + 1);
    if (at % kWindow == 0) count = 0;
    if (stream[at] != stream[at - at % kWindow]) continue;
    if (++count >= kApt)
      raise(count >= kAptPermanent ? Severity::kPermanent : Severity::kIntermittent,
            "adaptive proportion", at + 1);
  }
  return verdict;
}

void HealthTestsAgree(FuzzedDataProvider& input) {
  const SampleKind kind = input.ConsumeBool() ? SampleKind::kWord64 : SampleKind::kByte;
  const Entropy entropy = input.PickValueInArray(kEntropies);
  const Bytes stream = Stream(input);
  const Verdict expected = Model(stream, kind, entropy);
  const size_t unit = kind == SampleKind::kWord64 ? kWord : 1;
  HealthTests tests(kind, entropy.bits_per_byte);
  for (unsigned turn = 0; turn < 2; ++turn) {  // the second after Reset()
    Verdict verdict;
    for (size_t at = 0; at < stream.size();) {
      const size_t units = (stream.size() - at) / unit;
      const size_t most = input.ConsumeBool() ? 300 : 3;
      const size_t size =
          unit *
          (turn == 0 ? units : input.ConsumeIntegralInRange<size_t>(1, std::min(units, most)));
      const Verdict part = tests.Insert(std::span(stream).subspan(at, size));
      if (verdict.severity == Severity::kNone) {
        verdict.test = part.test;
        verdict.at = part.at;
      }
      verdict.severity = std::max(verdict.severity, part.severity);
      at += size;
    }
    Require(verdict.severity == expected.severity, "the worst alarm is the model's");
    Require(std::string_view(verdict.test) == expected.test, "the first alarm is the model's");
    Require(verdict.at == expected.at, "it is raised where the model raises it");
    tests.Reset();
  }
}

// --- device ------------------------------------------------------------------------------------

class Pipe {
 public:
  Pipe() { Require(pipe(ends_.data()) == 0, "a pipe"); }
  ~Pipe() {
    CloseWriter();
    close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(ends_[0]); }
  void Write(std::span<const uint8_t> bytes) {
    Require(bytes.empty() || write(ends_[1], bytes.data(), bytes.size()) == std::ssize(bytes),
            "the pipe has room");
  }
  void CloseWriter() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  bool open() const { return ends_[1] >= 0; }

 private:
  std::array<int, 2> ends_{};
};

constexpr size_t kPipeRoom = 65536;

// A read yields exactly the next bytes of the stream.
void DeviceAccounts(FuzzedDataProvider& input) {
  Pipe pipe;
  const auto device = entropyd::MakeDevice({.name = "device", .path = pipe.path()});
  Require(device->Open(), "the device opens");
  std::deque<uint8_t> waiting;  // written, but not read yet
  Bytes span;                   // of the current read
  std::span<uint8_t> rest;      // of it
  uint64_t retries = 0;
  uint8_t next = 0;
  while (input.remaining_bytes() > 0) {
    switch (input.ConsumeIntegralInRange(0, 7)) {
      case 0:
        pipe.CloseWriter();
        break;
      case 1:
        if (!pipe.open()) break;
        Require(device->Open(), "it reopens");
        rest = {};
        break;
      case 2:
      case 3: {
        Bytes piece(input.ConsumeIntegralInRange<size_t>(0, 200));
        for (uint8_t& byte : piece) byte = next++ | 1U;
        if (!pipe.open() || waiting.size() + piece.size() > kPipeRoom / 2) break;
        pipe.Write(piece);
        waiting.insert(waiting.end(), piece.begin(), piece.end());
        break;
      }
      default:
        if (rest.empty()) {
          span.assign(input.ConsumeIntegralInRange<size_t>(1, 24) * kWord, 0xff);
          rest = span;
        }
        const std::span<uint8_t> asked = rest;
        const ReadStatus status = device->Read(rest);
        const size_t read = asked.size() - rest.size();
        const bool enough = waiting.size() >= asked.size();
        Require(status == (enough        ? ReadStatus::kOk
                           : pipe.open() ? ReadStatus::kTryAgain
                                         : ReadStatus::kFailed),
                "the status agrees with the pipe");
        Require(read == std::min(waiting.size(), asked.size()), "all that there is");
        Require(std::equal(asked.begin(), asked.begin() + static_cast<ptrdiff_t>(read),
                           waiting.begin()),
                "the bytes in order");
        waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(read));
        if (status == ReadStatus::kFailed) {
          Require(device->error() == "end of file", "the name of the failure");
          rest = {};
        }
        if (status == ReadStatus::kTryAgain) ++retries;
        Require(device->retries() == retries, "retries are counted");
    }
  }
}

// --- tested source -----------------------------------------------------------------------------

// Delivers a stream and then healthy words, with the failures and delays that the fuzzer chooses,
// and records what it did.
class Replay final : public entropyd::NoiseSource {
 public:
  struct Record {
    uint64_t bytes = 0;
    uint64_t reads = 0;
    uint64_t calls = 0;
    Bytes part;  // of a read that is not complete
    Bytes last;
  };
  Replay(SampleKind kind, bool short_test, FuzzedDataProvider& input, Record& record)
      : NoiseSource({.name = "replay",
                     .sample = kind,
                     .startup_bytes = short_test ? size_t{1024} : size_t{32768}}),
        input_(input),
        record_(record),
        stream_(Stream(input)) {}
  bool Open() noexcept override { return input_.ConsumeIntegralInRange(0, 15) != 1; }
  ReadStatus Read(std::span<uint8_t>& rest) noexcept override {
    ++record_.calls;
    const int chance = input_.ConsumeIntegralInRange(0, 255);
    if (chance == 1) {
      error_ = "replayed failure";
      record_.part.clear();
      return ReadStatus::kFailed;
    }
    if (chance == 2) {
      ++retries_;
      Fill(rest.first(rest.size() / kWord / 2 * kWord));
      rest = rest.subspan(rest.size() / kWord / 2 * kWord);
      return ReadStatus::kTryAgain;
    }
    Fill(rest);
    rest = {};
    record_.bytes += record_.part.size();
    ++record_.reads;
    record_.last = std::exchange(record_.part, {});
    return ReadStatus::kOk;
  }
  // The caller gave up the rest of a read.
  static void Abandon(Record& record) { record.part.clear(); }

 private:
  void Fill(std::span<uint8_t> samples) {
    for (size_t at = 0; at < samples.size(); at += kWord) {
      const uint64_t word = Splitmix(state_);
      std::memcpy(samples.data() + at, &word, kWord);
    }
    const size_t size = std::min(samples.size(), stream_.size() - at_);
    std::copy_n(stream_.data() + at_, size, samples.begin());
    at_ += size;
    record_.part.insert(record_.part.end(), samples.begin(), samples.end());
  }

  FuzzedDataProvider& input_;
  Record& record_;
  const Bytes stream_;
  size_t at_ = 0;
  uint64_t state_ = 0;
};

// Faults within one read, which must never pass.
bool PlainlyFaulty(const Bytes& bytes, SampleKind kind) {
  unsigned run = 1;
  for (size_t at = 1; at < bytes.size(); ++at) {
    run = bytes[at] == bytes[at - 1] ? run + 1 : 1;
    if (run >= 6) return true;
  }
  if (kind == SampleKind::kByte) return false;
  std::vector<uint64_t> words(bytes.size() / kWord);
  std::memcpy(words.data(), bytes.data(), bytes.size());
  std::sort(words.begin(), words.end());
  return words.front() == 0 || words.back() == ~uint64_t{0} ||
         std::adjacent_find(words.begin(), words.end()) != words.end();
}

constexpr unsigned kSteps = 40;

// A clock that stands still, so that three alarms are always within an hour.
uint64_t Noon() noexcept { return 0; }

void TestedSourceHolds(FuzzedDataProvider& input) {
  const SampleKind kind = input.ConsumeBool() ? SampleKind::kWord64 : SampleKind::kByte;
  const bool short_test = input.ConsumeIntegralInRange(0, 15) != 15;
  Replay::Record record;
  TestedSource source(std::make_unique<Replay>(kind, short_test, input, record), Noon,
                      [&record](unsigned waits) {
                        if (waits < 2) return true;
                        Replay::Abandon(record);
                        return false;
                      });
  source.Start();
  for (unsigned step = 0; step < kSteps; ++step) {
    const SourceState before = source.report().state;
    const uint64_t calls = record.calls;
    Bytes out(input.ConsumeIntegralInRange<size_t>(1, 48) * kWord, 0xff);
    bool ok = false;
    bool read = true;
    switch (input.ConsumeIntegralInRange(0, 9)) {
      case 8:
        source.Start();
        read = false;
        break;
      case 9:
        ok = source.TestStartup();
        Require(ok == source.passing(), "a passed startup test is a passing source");
        read = false;
        break;
      default:
        ok = source.Read(out);
        Require(ok || AllZero(out), "output is full or zero");
        Require(!ok || out == record.last, "output is the last samples that were read");
        Require(!ok || !PlainlyFaulty(out, kind), "no sample passes a failed test");
        Require(!ok || source.passing(), "bytes come only from a passing source");
    }
    const entropyd::SourceReport& report = source.report();
    Require(report.bytes == record.bytes, "bytes are counted");
    Require(report.reads == record.reads, "reads are counted");
    Require(report.alarms <= report.reads, "an alarm needs samples");
    Require(report.state != SourceState::kWaiting, "time alone makes it wait");
    if (before == SourceState::kFailed)
      Require(report.state == SourceState::kFailed && calls == record.calls,
              "failed permanently, and not read again");
    if (read && before != SourceState::kPassing)
      Require(!ok && calls == record.calls, "not read unless it passes");
  }
}

// --- device to tested source -------------------------------------------------------------------

struct Outcome {
  Bytes bytes;
  std::vector<std::pair<bool, SourceState>> steps;
  uint64_t read = 0;
  uint64_t alarms = 0;
  std::string last_alarm;
  bool operator==(const Outcome&) const = default;
};

// A device's stream through its health tests; `piece` returns how many bytes arrive at a time.
template <typename Piece>
Outcome Through(const Bytes& stream, size_t read_size, Piece piece) {
  Pipe pipe;
  size_t at = 0;
  const auto more = [&](unsigned) {
    const size_t size = std::min<size_t>(piece(), stream.size() - at);
    pipe.Write(std::span(stream).subspan(at, size));
    at += size;
    if (at == stream.size()) pipe.CloseWriter();
    return true;
  };
  TestedSource source(
      entropyd::MakeDevice({.name = "device", .path = pipe.path(), .credited_bits_per_byte = 7}),
      Noon, more);
  Outcome outcome;
  source.Start();
  Bytes out(read_size);
  for (bool ok = source.passing(); ok;) {
    ok = source.Read(out);
    Require(ok || AllZero(out), "output is full or zero");
    if (ok) outcome.bytes.insert(outcome.bytes.end(), out.begin(), out.end());
    outcome.steps.emplace_back(ok, source.report().state);
  }
  const entropyd::SourceReport& report = source.report();
  outcome.read = report.bytes;
  outcome.alarms = report.alarms;
  outcome.last_alarm = report.last_alarm;
  Require(report.bytes <= stream.size(), "every sample is from the stream");
  Require(report.bytes % kWord == 0, "whole words");
  return outcome;
}

void PiecesDoNotMatter(FuzzedDataProvider& input) {
  const Bytes stream = Stream(input);
  const auto read_size = input.ConsumeIntegralInRange<size_t>(1, 48) * kWord;
  const Outcome whole = Through(stream, read_size, [] { return size_t{4096}; });
  const Outcome pieces =
      Through(stream, read_size, [&input] { return input.ConsumeIntegralInRange<size_t>(1, 400); });
  Require(whole == pieces, "the outcome does not depend on the pieces");
}

}  // namespace

// libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  constexpr std::array kTargets = {HealthTestsAgree, DeviceAccounts, TestedSourceHolds,
                                   PiecesDoNotMatter};
  input.PickValueInArray(kTargets)(input);
  return 0;
}
