// The tests' addon: the product's generator, DRBG and health tests under the tests' control.
#include <fcntl.h>
#include <napi.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "addon/assess.h"
#include "drbg/drbg.h"
#include "drbg/seed_provider.h"
#include "generator/generator.h"
#include "generator/generator_state.h"
#include "health/health_tests.h"
#include "health/tested_source.h"
#include "jitter_exports.h"
#include "scripted_source.h"
#include "sources/cpu_words.h"

namespace {

using entropyd::test::Fault;
using entropyd::test::ScriptedSource;
using entropyd::test::Switch;

// The generator's clock, set by the tests.
std::atomic<uint64_t> now_ns = 0;  // NOLINT: one test process, one clock

uint64_t TestClock() noexcept { return now_ns; }

std::vector<uint8_t> Bytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.Data() + array.ByteLength()};
}

Napi::Value ToBuffer(Napi::Env env, std::span<const uint8_t> bytes) {
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

// --- cutoffs -----------------------------------------------------------------------------------

// (bitsPerSample, alphaLog2)
Napi::Value RepetitionCutoff(const Napi::CallbackInfo& info) {
  return Napi::Number::New(
      info.Env(), entropyd::RepetitionCutoff(info[0].ToNumber().DoubleValue(), info[1].ToNumber()));
}

// (trials, bitsPerSample, alphaLog2)
Napi::Value CriticalBinomial(const Napi::CallbackInfo& info) {
  const long double p = powl(2.0L, -info[1].ToNumber().DoubleValue());
  return Napi::Number::New(info.Env(),
                           entropyd::CriticalBinomial(info[0].ToNumber(), p, info[2].ToNumber()));
}

// (window, bitsPerSample, alphaLog2)
Napi::Value AdaptiveProportionCutoff(const Napi::CallbackInfo& info) {
  const long double p = powl(2.0L, -info[1].ToNumber().DoubleValue());
  return Napi::Number::New(
      info.Env(), entropyd::AdaptiveProportionCutoff(info[0].ToNumber(), p, info[2].ToNumber()));
}

// --- health tests ------------------------------------------------------------------------------

// (samples, words, testedBitsPerByte) -> {severity, test, at} of the first alarm in the samples
Napi::Value TestSamples(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  entropyd::HealthTests tests(
      info[1].ToBoolean() ? entropyd::SampleKind::kWord64 : entropyd::SampleKind::kByte,
      info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : 7);
  const std::vector<uint8_t> samples = Bytes(info[0]);
  const entropyd::Verdict verdict = tests.Insert(samples);
  Napi::Object object = Napi::Object::New(env);
  object["severity"] = Napi::Number::New(env, static_cast<int>(verdict.severity));
  object["test"] = verdict.test;
  object["at"] = Napi::Number::New(env, static_cast<double>(verdict.at));
  return object;
}

// (fault, size) -> samples
Napi::Value Samples(const Napi::CallbackInfo& info) {
  Fault value{};
  if (!entropyd::test::FaultFromName(info[0].ToString().Utf8Value(), value)) {
    Napi::Error::New(info.Env(), "no such fault").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const auto control = std::make_shared<Switch>();
  control->fault = value;
  ScriptedSource source({.name = "scripted", .sample = entropyd::SampleKind::kWord64}, control);
  std::vector<uint8_t> samples(info[1].ToNumber().Uint32Value());
  std::span<uint8_t> rest = samples;
  source.Read(rest);
  return ToBuffer(info.Env(), samples);
}

// (source, mebibytes) -> alarms of a real CPU source, or null if the host does not have it or it
// never answers
Napi::Value CountAlarms(const Napi::CallbackInfo& info) {
  auto source =
      info[0].ToString().Utf8Value() == "rdseed" ? entropyd::MakeRdseed() : entropyd::MakeRdrand();
  if (!source->Open()) return info.Env().Null();
  entropyd::HealthTests tests(source->traits().sample, source->traits().tested_bits_per_byte);
  constexpr uint32_t kPiecesPerMebibyte = 256;
  std::vector<uint8_t> samples((1 << 20) / kPiecesPerMebibyte);
  unsigned alarms = 0;
  for (uint32_t i = 0; i < info[1].ToNumber().Uint32Value() * kPiecesPerMebibyte; ++i) {
    std::span<uint8_t> rest = samples;
    auto status = source->Read(rest);
    while (status == entropyd::ReadStatus::kTryAgain) status = source->Read(rest);
    if (status == entropyd::ReadStatus::kFailed) return info.Env().Null();
    if (tests.Insert(samples).severity != entropyd::Severity::kNone) ++alarms;
  }
  return Napi::Number::New(info.Env(), alarms);
}

// -> {state, error} of a CPU source whose CPUID bit is set and whose instruction never succeeds
Napi::Value NeverAnswers(const Napi::CallbackInfo& info) {
  constexpr unsigned kAttempts = 16;
  entropyd::TestedSource source(
      std::make_unique<entropyd::CpuWords>(
          entropyd::SourceTraits{.name = "rndrrs", .sample = entropyd::SampleKind::kWord64},
          []() noexcept { return true; }, [](uint64_t&) noexcept { return false; }, kAttempts,
          TestClock),
      TestClock, [](unsigned) {
        now_ns += entropyd::kNsPerSecond / 8;
        return true;
      });
  source.Start();
  Napi::Object object = Napi::Object::New(info.Env());
  object["state"] = entropyd::Name(source.report().state);
  object["error"] = source.report().last_error;
  return object;
}

// (path, size, reads, credit) -> [{status, error, retries, samples}] of a device source; a read
// goes on behind the one that had nothing more
Napi::Value ReadDevice(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto device = entropyd::MakeDevice(
      {.name = "device",
       .path = info[0].ToString(),
       .credited_bits_per_byte = info[3].IsNumber() ? info[3].ToNumber().DoubleValue() : 0});
  Napi::Array results = Napi::Array::New(env);
  std::vector<uint8_t> samples(info[1].ToNumber().Uint32Value());
  std::span<uint8_t> rest = samples;
  const bool open = device->Open();
  for (uint32_t i = 0; i < info[2].ToNumber().Uint32Value(); ++i) {
    Napi::Object result = Napi::Object::New(env);
    const auto status = open ? device->Read(rest) : entropyd::ReadStatus::kFailed;
    result["status"] = Napi::Number::New(env, static_cast<int>(status));
    result["error"] = std::string(device->error());
    result["retries"] = Napi::Number::New(env, static_cast<double>(device->retries()));
    result["samples"] = ToBuffer(env, std::span(samples).first(samples.size() - rest.size()));
    results[i] = result;
    if (status != entropyd::ReadStatus::kTryAgain) rest = samples;
  }
  return results;
}

// --- DRBG --------------------------------------------------------------------------------------

class Script final : public entropyd::SeedSupplier {
 public:
  std::vector<uint8_t> next;
  std::span<uint8_t> SupplySeed() noexcept override {
    ++asked;
    return next;
  }
  void ClearSeed() noexcept override { next.clear(); }
  unsigned asked = 0;
};

class DrbgWrap : public Napi::ObjectWrap<DrbgWrap> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Drbg",
                       {InstanceMethod<&DrbgWrap::Instantiate>("instantiate"),
                        InstanceMethod<&DrbgWrap::Reseed>("reseed"),
                        InstanceMethod<&DrbgWrap::Generate>("generate"),
                        InstanceMethod<&DrbgWrap::Uninstantiate>("uninstantiate"),
                        InstanceMethod<&DrbgWrap::Asked>("asked")});
  }
  explicit DrbgWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DrbgWrap>(info) {}

 private:
  // (seed, personalization)
  Napi::Value Instantiate(const Napi::CallbackInfo& info) {
    script_.next = Bytes(info[0]);
    return Napi::Boolean::New(info.Env(), drbg_.Instantiate(Bytes(info[1])));
  }
  // (seed, additionalInput)
  Napi::Value Reseed(const Napi::CallbackInfo& info) {
    script_.next = Bytes(info[0]);
    return Napi::Boolean::New(info.Env(), drbg_.Reseed(Bytes(info[1])));
  }
  // (size, additionalInput, seed for prediction resistance or undefined) -> bytes or null
  Napi::Value Generate(const Napi::CallbackInfo& info) {
    script_.next = Bytes(info[2]);
    std::vector<uint8_t> out(info[0].ToNumber().Uint32Value(), 0xff);
    if (drbg_.Generate(out, Bytes(info[1]), info[2].IsTypedArray()))
      return ToBuffer(info.Env(), out);
    for (const uint8_t byte : out)
      if (byte != 0) return Napi::String::New(info.Env(), "bytes left in the output");
    return info.Env().Null();
  }
  void Uninstantiate(const Napi::CallbackInfo&) { drbg_.Uninstantiate(); }
  // -> how often a seed was asked for
  // NOLINTNEXTLINE(readability-make-member-function-const): InstanceMethod takes no const member
  Napi::Value Asked(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), script_.asked);
  }

  Script script_;
  entropyd::OpensslContext openssl_;
  entropyd::Drbg drbg_{openssl_, script_};
};

// The known answers, with one bit of a seed flipped: of the first answer, of the second, or of none
// (-1). `seed` is where the flipped seed is kept.
entropyd::KnownAnswers Flipped(int which, std::vector<uint8_t>& seed) {
  entropyd::KnownAnswers answers = entropyd::kKnownAnswers;
  if (which < 0) return answers;
  entropyd::KnownAnswer& answer = which == 0 ? answers.reseeded : answers.prediction_resistant;
  seed.assign(answer.seed.begin(), answer.seed.end());
  seed[0] ^= 1;
  answer.seed = seed;
  return answers;
}

// (which) -> whether the known-answer test passes, with one bit of that answer's seed flipped
Napi::Value KnownAnswerTest(const Napi::CallbackInfo& info) {
  std::vector<uint8_t> seed;
  return Napi::Boolean::New(
      info.Env(), entropyd::KnownAnswerTest({}, Flipped(info[0].ToNumber().Int32Value(), seed)));
}

// (material) -> its seed
Napi::Value Condition(const Napi::CallbackInfo& info) {
  const entropyd::OpensslContext openssl;
  std::array<uint8_t, entropyd::kSeedSize> seed{};
  if (!entropyd::Conditioner(openssl).Condition(Bytes(info[0]), seed)) return info.Env().Null();
  return ToBuffer(info.Env(), seed);
}

// Copies of `key`, each byte of which is XORed with kMask here, in this process's writable memory.
constexpr uint8_t kMask = 0x55;
unsigned CopiesOf(std::span<const uint8_t> key) {
  std::ifstream maps("/proc/self/maps");
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  unsigned copies = 0;
  std::vector<uint8_t> bytes;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t from = 0, to = 0;
    char writable = '-';
    constexpr int kFields = 3;
    // The shadow of AddressSanitizer has terabytes.
    constexpr uintptr_t kLargest = uintptr_t{1} << 30;
    // NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers
    if (std::sscanf(line.c_str(), "%lx-%lx r%c", &from, &to, &writable) != kFields ||
        writable != 'w' || line.find("[stack]") != std::string::npos || to - from > kLargest)
      continue;
    constexpr size_t kPiece = size_t{1} << 20;
    for (uintptr_t at = from; at < to; at += kPiece) {
      bytes.resize(std::min(kPiece + key.size(), to - at));
      // Reading the file does not fault if another thread unmaps the pages.
      const ssize_t count = pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(at));
      for (ssize_t i = 0; i + std::ssize(key) <= count; ++i)
        if (std::equal(key.begin(), key.end(), bytes.begin() + i,
                       [](uint8_t masked, uint8_t byte) { return (masked ^ kMask) == byte; }))
          ++copies;
      entropyd::Wipe(bytes);
    }
  }
  close(memory);
  return copies;
}

// -> copies of the DRBG's key in memory while it is instantiated, and after uninstantiate
Napi::Value KeyCopies(const Napi::CallbackInfo& info) {
  Script script;
  const entropyd::OpensslContext openssl;
  script.next.resize(entropyd::kSeedSize);
  if (getrandom(script.next.data(), script.next.size(), 0) != std::ssize(script.next)) std::abort();
  // SP 800-90A 10.2.1.2: the first key is the first half of the seed XOR AES of counters 1 and 2
  // under a zero key.
  std::array<uint8_t, 32> key{};
  const std::array<uint8_t, 32> zero{};
  std::array<uint8_t, 32> counters{};
  counters[15] = 1;
  counters[31] = 2;
  int size = 0;
  EVP_CIPHER_CTX* aes = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(aes, EVP_aes_256_ecb(), nullptr, zero.data(), nullptr);
  EVP_EncryptUpdate(aes, key.data(), &size, counters.data(), counters.size());
  EVP_CIPHER_CTX_free(aes);
  for (size_t i = 0; i < key.size(); ++i) key[i] ^= script.next[i] ^ kMask;
  entropyd::Drbg drbg(openssl, script);
  drbg.Instantiate({});
  Napi::Array copies = Napi::Array::New(info.Env());
  copies[uint32_t{0}] = Napi::Number::New(info.Env(), CopiesOf(key));
  drbg.Uninstantiate();
  copies[uint32_t{1}] = Napi::Number::New(info.Env(), CopiesOf(key));
  return copies;
}

// --- states ------------------------------------------------------------------------------------

entropyd::SourceRole Role(const std::string& name) {
  if (name == "kernel") return entropyd::SourceRole::kKernel;
  if (name == "additional") return entropyd::SourceRole::kAdditionalInput;
  return entropyd::SourceRole::kSeed;
}

entropyd::Profile ProfileOf(const Napi::Object& options) {
  return options.Get("profile").ToString().Utf8Value() == "strict" ? entropyd::Profile::kStrict
                                                                   : entropyd::Profile::kDefault;
}

// (profile, [{name, role, credit, state, words, since, alarm, error}], {present, since, overdue},
// now); times in seconds -> {state, reason, kernelCredited}
Napi::Value Decide(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::map<std::string, entropyd::SourceState> states = {
      {"absent", entropyd::SourceState::kAbsent},   {"testing", entropyd::SourceState::kTesting},
      {"passing", entropyd::SourceState::kPassing}, {"waiting", entropyd::SourceState::kWaiting},
      {"lost", entropyd::SourceState::kLost},       {"failed", entropyd::SourceState::kFailed}};
  const auto time = [](const Napi::Value& seconds) {
    return seconds.IsNumber() ? static_cast<uint64_t>(seconds.ToNumber().DoubleValue() * 1e9) : 0;
  };
  const auto text = [](const Napi::Value& value) {
    return value.IsString() ? value.ToString().Utf8Value() : "";
  };
  const auto sources = info[1].As<Napi::Array>();
  std::vector<entropyd::SourceTraits> traits(sources.Length());
  std::vector<entropyd::SourceFact> facts;
  for (uint32_t i = 0; i < sources.Length(); ++i) {
    const auto source = sources.Get(i).As<Napi::Object>();
    traits[i].name = source.Get("name").ToString();
    traits[i].role = Role(source.Get("role").ToString());
    traits[i].credited_bits_per_byte = source.Get("credit").ToNumber();
    if (source.Get("words").ToBoolean()) traits[i].sample = entropyd::SampleKind::kWord64;
    entropyd::SourceReport report;
    report.state = states.at(source.Get("state").ToString());
    report.since = time(source.Get("since"));
    report.last_alarm = text(source.Get("alarm"));
    report.last_error = text(source.Get("error"));
    facts.push_back({&traits[i], report});
  }
  Napi::Object profile = Napi::Object::New(env);
  profile["profile"] = info[0];
  const auto seed = info[2].As<Napi::Object>();
  const entropyd::Decision decision =
      entropyd::Decide(ProfileOf(profile), facts,
                       {.present = seed.Get("present").ToBoolean(),
                        .since = time(seed.Get("since")),
                        .overdue = seed.Get("overdue").ToBoolean(),
                        .first = !seed.Get("renewed").ToBoolean(),
                        .of_kernel = seed.Get("ofKernel").ToBoolean()});
  Napi::Object object = Napi::Object::New(env);
  object["state"] = entropyd::Name(decision.state);
  object["reason"] = decision.reason.Text(time(info[3]));
  object["kernelCredited"] = Napi::Boolean::New(env, decision.kernel_credited);
  return object;
}

// --- generator ---------------------------------------------------------------------------------

// A generator over scripted sources.
class GeneratorWrap : public Napi::ObjectWrap<GeneratorWrap> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Generator",
                       {InstanceMethod<&GeneratorWrap::SetFault>("setFault"),
                        InstanceMethod<&GeneratorWrap::Generate>("generate"),
                        InstanceMethod<&GeneratorWrap::Mix>("mix"),
                        InstanceMethod<&GeneratorWrap::Arrive>("arrive"),
                        InstanceMethod<&GeneratorWrap::GenerateResistant>("generateResistant"),
                        InstanceMethod<&GeneratorWrap::Reseed>("reseed"),
                        InstanceMethod<&GeneratorWrap::SelfTest>("selfTest"),
                        InstanceMethod<&GeneratorWrap::Poll>("poll"),
                        InstanceMethod<&GeneratorWrap::Snapshot>("snapshot"),
                        InstanceMethod<&GeneratorWrap::Fork>("fork")});
  }

  // ({profile, reseedRequests, reseedSeconds, firstSeedMs, corruptKnownAnswer, sources: [{name,
  //   role, words, physical, reserve, tested, credit, fault}]})
  explicit GeneratorWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GeneratorWrap>(info) {
    const auto options = info[0].As<Napi::Object>();
    entropyd::GeneratorOptions policy;
    policy.profile = ProfileOf(options);
    if (options.Has("reseedRequests"))
      policy.reseed_requests = options.Get("reseedRequests").ToNumber().Uint32Value();
    if (options.Has("reseedSeconds"))
      policy.reseed_seconds = options.Get("reseedSeconds").ToNumber().Uint32Value();
    if (options.Has("firstSeedMs"))
      policy.first_seed_ms = options.Get("firstSeedMs").ToNumber().Uint32Value();
    std::vector<entropyd::SourceFactory> sources;
    const auto list = options.Get("sources").As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const auto source = list.Get(i).As<Napi::Object>();
      const std::string name = source.Get("name").ToString();
      auto control = std::make_shared<Switch>();
      switches_[name] = control;
      Apply(name, source.Get("fault"));
      const bool words = source.Get("words").ToBoolean();
      entropyd::SourceTraits traits{
          .name = name,
          .sample = words ? entropyd::SampleKind::kWord64 : entropyd::SampleKind::kByte,
          .role = Role(source.Get("role").ToString()),
          .reserve = source.Get("reserve").ToBoolean(),
          .credited_bits_per_byte =
              source.Has("credit") ? source.Get("credit").ToNumber().DoubleValue() : 0,
          .startup_bytes = words ? size_t{32768} : size_t{1024}};
      if (source.Has("physical")) traits.physical = source.Get("physical").ToBoolean();
      if (source.Has("tested"))
        traits.tested_bits_per_byte = source.Get("tested").ToNumber().DoubleValue();
      sources.emplace_back(
          [traits, control] { return std::make_unique<ScriptedSource>(traits, control); });
    }
    generator_ = std::make_unique<entropyd::Generator>(
        policy, std::move(sources),
        entropyd::GeneratorHooks{.on_transition =
                                     [this](entropyd::State state, const std::string& reason) {
                                       transitions_.push_back(
                                           entropyd::Name(state) +
                                           (reason.empty() ? "" : ": " + reason));
                                     },
                                 .on_source_change = [] {},
                                 .clock = TestClock},
        Flipped(options.Get("corruptKnownAnswer").ToBoolean() ? 0 : -1, seed_));
  }

 private:
  void Apply(const std::string& name, const Napi::Value& fault) {
    Fault value = Fault::kNone;
    if (!fault.IsString()) return;
    if (entropyd::test::FaultFromName(fault.ToString().Utf8Value(), value))
      switches_.at(name)->fault = value;
    else
      Napi::Error::New(fault.Env(), "no such fault").ThrowAsJavaScriptException();
  }

  // (source, fault)
  void SetFault(const Napi::CallbackInfo& info) { Apply(info[0].ToString(), info[1]); }

  // (size) -> bytes, or the number of the result if there are none
  Napi::Value Generate(const Napi::CallbackInfo& info) {
    std::vector<uint8_t> out(info[0].ToNumber().Uint32Value(), 0xff);
    return Outcome(info.Env(), generator_->Generate(out), out);
  }
  // (bytes)
  void Mix(const Napi::CallbackInfo& info) {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    generator_->Mix({bytes.Data(), bytes.ByteLength()});
  }
  Napi::Value Arrive(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(generator_->Arrive()));
  }
  // (size, request) -> the same
  Napi::Value GenerateResistant(const Napi::CallbackInfo& info) {
    std::vector<uint8_t> out(info[0].ToNumber().Uint32Value(), 0xff);
    const auto request = static_cast<uint64_t>(info[1].ToNumber().Int64Value());
    return Outcome(info.Env(), generator_->GenerateResistant(out, request), out);
  }
  static Napi::Value Outcome(Napi::Env env, entropyd::Result result,
                             const std::vector<uint8_t>& out) {
    if (result == entropyd::Result::kOk) return ToBuffer(env, out);
    for (const uint8_t byte : out)
      if (byte != 0) return Napi::String::New(env, "bytes left in the output");
    return Napi::Number::New(env, static_cast<int>(result));
  }
  Napi::Value Reseed(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<int>(generator_->Reseed()));
  }
  Napi::Value SelfTest(const Napi::CallbackInfo& info) {
    const auto results = generator_->self_tester()->Run();
    return Napi::Boolean::New(info.Env(), generator_->FinishSelfTest(results));
  }
  void Poll(const Napi::CallbackInfo&) { generator_->Poll(); }

  Napi::Value Snapshot(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const entropyd::GeneratorSnapshot snapshot = generator_->Snapshot();
    Napi::Object object = Napi::Object::New(env);
    object["state"] = entropyd::Name(snapshot.state);
    object["reason"] = snapshot.reason;
    object["construction"] = snapshot.construction ? entropyd::Name(*snapshot.construction) : "";
    object["reseeds"] = Napi::Number::New(env, static_cast<double>(snapshot.reseeds));
    Napi::Object sources = Napi::Object::New(env);
    for (const entropyd::SourceSnapshot& source : snapshot.sources) {
      Napi::Object entry = Napi::Object::New(env);
      entry["state"] = entropyd::Name(source.report.state);
      entry["credit"] = Napi::Number::New(env, source.credited_bits_per_byte);
      entry["alarms"] = Napi::Number::New(env, static_cast<double>(source.report.alarms));
      entry["bytes"] = Napi::Number::New(env, static_cast<double>(source.report.bytes));
      entry["retries"] = Napi::Number::New(env, static_cast<double>(source.report.retries));
      entry["lastAlarm"] = source.report.last_alarm;
      entry["lastError"] = source.report.last_error;
      sources[source.traits.name] = entry;
    }
    object["sources"] = sources;
    Napi::Array transitions = Napi::Array::New(env);
    for (const std::string& text : transitions_) transitions[transitions.Length()] = text;
    object["transitions"] = transitions;
    return object;
  }

  // Forks. -> 32 bytes of the parent and 32 of the child, which exits at once
  Napi::Value Fork(const Napi::CallbackInfo& info) {
    std::array<int, 2> ends{};
    std::array<uint8_t, 32> mine{};
    std::array<uint8_t, 32> its{};
    if (pipe(ends.data()) != 0) return info.Env().Null();
    const pid_t child = fork();
    if (child == 0) {
      const bool ok = generator_->Generate(its) == entropyd::Result::kOk;
      _exit(ok && write(ends[1], its.data(), its.size()) == std::ssize(its) ? 0 : 1);
    }
    generator_->Generate(mine);
    int status = 1;
    waitpid(child, &status, 0);
    const bool ok = status == 0 && read(ends[0], its.data(), its.size()) == std::ssize(its);
    close(ends[0]);
    close(ends[1]);
    if (!ok) return info.Env().Null();
    Napi::Array both = Napi::Array::New(info.Env());
    both[uint32_t{0}] = ToBuffer(info.Env(), mine);
    both[uint32_t{1}] = ToBuffer(info.Env(), its);
    return both;
  }

  std::map<std::string, std::shared_ptr<Switch>> switches_;
  std::vector<std::string> transitions_;
  std::vector<uint8_t> seed_;
  std::unique_ptr<entropyd::Generator> generator_;
};

// --- benchmark ---------------------------------------------------------------------------------

void ReadKernel(std::span<uint8_t> out) {
  if (getrandom(out.data(), out.size(), 0) != std::ssize(out)) std::abort();
}

template <typename Function>
double NsPerCall(unsigned calls, Function&& call) {
  const uint64_t start = entropyd::NowNs();
  for (unsigned i = 0; i < calls; ++i) call();
  return static_cast<double>(entropyd::NowNs() - start) / calls;
}

// (calls) -> nanoseconds per call of the product's generate and of its comparisons; one core, in
// C++
Napi::Value Benchmark(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t calls = info[0].ToNumber();
  std::vector<uint8_t> out(entropyd::kMaxGenerate);
  const std::span<uint8_t> small(out.data(), 32);

  // Bare EVP: the same DRBG without additional input and without the generator around it.
  Script script;
  const entropyd::OpensslContext openssl;
  entropyd::Drbg bare(openssl, script);
  script.next.assign(entropyd::kSeedSize, 1);
  bare.Instantiate({});

  entropyd::Generator generator(
      {.first_seed_ms = 2000}, {entropyd::kBuiltInSources.begin(), entropyd::kBuiltInSources.end()},
      {.on_transition = [](entropyd::State, const std::string&) {}, .on_source_change = [] {}});

  const std::unique_ptr<entropyd::NoiseSource> rdrand = entropyd::MakeRdrand();

  Napi::Object result = Napi::Object::New(env);
  const auto row = [&](const char* name, double ns) { result[name] = Napi::Number::New(env, ns); };
  row("bare32", NsPerCall(calls, [&] { bare.Generate(small, {}); }));
  const std::array<uint8_t, entropyd::kSeedSize> input{};
  const auto resist = [&] {
    const uint64_t request = generator.Arrive();
    while (generator.GenerateResistant(small, request) == entropyd::Result::kPending)
      std::this_thread::yield();
  };
  row("bareInput32", NsPerCall(calls, [&] { bare.Generate(small, input); }));
  row("rdrand32", NsPerCall(calls, [&] {
        std::span<uint8_t> rest = small;
        rdrand->Read(rest);
      }));
  row("generate32", NsPerCall(calls, [&] { generator.Generate(small); }));
  row("fresh32", NsPerCall(calls / 100, resist));
  row("getrandom32", NsPerCall(calls, [&] { ReadKernel(small); }));
  row("generate64K", NsPerCall(calls / 50, [&] { generator.Generate(out); }));
  row("getrandom64K", NsPerCall(calls / 500, [&] { ReadKernel(out); }));
  return result;
}

// (seconds): advances the clock
void AdvanceClock(const Napi::CallbackInfo& info) {
  now_ns += static_cast<uint64_t>(info[0].ToNumber().DoubleValue() * 1e9);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["repetitionCutoff"] = Napi::Function::New<RepetitionCutoff>(env);
  exports["criticalBinomial"] = Napi::Function::New<CriticalBinomial>(env);
  exports["adaptiveProportionCutoff"] = Napi::Function::New<AdaptiveProportionCutoff>(env);
  exports["testSamples"] = Napi::Function::New<TestSamples>(env);
  exports["samples"] = Napi::Function::New<Samples>(env);
  exports["countAlarms"] = Napi::Function::New<CountAlarms>(env);
  exports["neverAnswers"] = Napi::Function::New<NeverAnswers>(env);
  exports["readDevice"] = Napi::Function::New<ReadDevice>(env);
  exports["Drbg"] = DrbgWrap::Class(env);
  exports["keyCopies"] = Napi::Function::New<KeyCopies>(env);
  exports["condition"] = Napi::Function::New<Condition>(env);
  exports["knownAnswerTest"] = Napi::Function::New<KnownAnswerTest>(env);
  exports["decide"] = Napi::Function::New<Decide>(env);
  exports["Generator"] = GeneratorWrap::Class(env);
  exports["benchmark"] = Napi::Function::New<Benchmark>(env);
  entropyd::test::ExportJitter(env, exports);
  exports["assess"] = Napi::Function::New<entropyd::AssessSamples>(env);
  exports["advanceClock"] = Napi::Function::New<AdvanceClock>(env);
  return exports;
}

}  // namespace

NODE_API_MODULE(entropyd_test, Init)
