// RNDRRS under emulation: absent without FEAT_RNG; otherwise its words differ and pass the health
// tests.
//   arm64_rndrrs present|absent
#include <cstdint>
#include <cstring>
#include <iostream>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "health/health_tests.h"
#include "health/tested_source.h"
#include "sources/noise_source.h"

namespace {

// The size of a startup test, 4096 words: two of them are equal with probability 2^-41.
constexpr size_t kSampleBytes = 32768;

bool Expect(bool condition, const char* what) {
  std::cout << (condition ? "ok: " : "not ok: ") << what << '\n';
  return condition;
}

bool Absent() {
  const auto source = entropyd::MakeRndrrs();
  bool ok = Expect(!source->Open(), "reported as absent");
  entropyd::TestedSource tested(entropyd::MakeRndrrs(), entropyd::NowNs);
  tested.Start();
  ok &= Expect(tested.report().state == entropyd::SourceState::kAbsent, "state absent");
  std::vector<uint8_t> samples(64, 0xff);
  ok &= Expect(!tested.Read(samples), "nothing is read");
  ok &= Expect(samples == std::vector<uint8_t>(64, 0), "zeros are left");
  return ok;
}

bool Present() {
  const auto source = entropyd::MakeRndrrs();
  bool ok = Expect(source->Open(), "reported as available");
  std::vector<uint8_t> samples(kSampleBytes);
  std::span<uint8_t> rest = samples;
  ok &= Expect(source->Read(rest) == entropyd::ReadStatus::kOk, "32 KiB are read");
  std::set<uint64_t> words;
  for (size_t at = 0; at < samples.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, samples.data() + at, sizeof word);
    words.insert(word);
  }
  ok &= Expect(words.size() == kSampleBytes / sizeof(uint64_t), "all words differ");
  ok &= Expect(!words.contains(0) && !words.contains(~uint64_t{0}), "none is constant");
  entropyd::HealthTests tests(source->traits().sample, source->traits().tested_bits_per_byte);
  ok &= Expect(tests.Insert(samples).severity == entropyd::Severity::kNone, "no alarm");
  entropyd::TestedSource tested(entropyd::MakeRndrrs(), entropyd::NowNs);
  tested.Start();
  ok &= Expect(tested.passing(), "the startup test passes");
  return ok;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view wanted = count > 1 ? arguments[1] : "";
  if (wanted == "absent") return Absent() ? 0 : 1;
  if (wanted == "present") return Present() ? 0 : 1;
  std::cerr << "usage: arm64_rndrrs present|absent\n";
  return 64;
}
