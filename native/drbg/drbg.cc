// CTR_DRBG through EVP_RAND, and its power-on known-answer test.
#include "drbg/drbg.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>

#include "memory/secure_memory.h"

namespace entropyd {

void OpensslContext::Free::operator()(OSSL_LIB_CTX* library) const noexcept {
  OSSL_LIB_CTX_free(library);
}
void OpensslContext::Free::operator()(OSSL_PROVIDER* provider) const noexcept {
  OSSL_PROVIDER_unload(provider);
}

OpensslContext::OpensslContext() noexcept : library_(OSSL_LIB_CTX_new()) {
  if (!library_) return;
  default_provider_.reset(OSSL_PROVIDER_load(library_.get(), "default"));
  if (default_provider_) seed_provider_.reset(LoadSeedProvider(library_.get()));
}

void Drbg::Free::operator()(EVP_RAND_CTX* rand) const noexcept { EVP_RAND_CTX_free(rand); }

Drbg::Drbg(const OpensslContext& openssl, SeedSupplier& supplier) noexcept {
  if (openssl.get() == nullptr) return;
  seed_source_.reset(NewSeedSource(openssl.get(), supplier));
  if (!seed_source_) return;
  EVP_RAND* ctr = EVP_RAND_fetch(openssl.get(), "CTR-DRBG", nullptr);
  if (ctr == nullptr) return;
  drbg_.reset(EVP_RAND_CTX_new(ctr, seed_source_.get()));
  EVP_RAND_free(ctr);
}

bool Drbg::Latch(bool ok) noexcept {
  if (!ok) Uninstantiate();
  return ok;
}

bool Drbg::Instantiate(std::span<const uint8_t> personalization) noexcept {
  if (!drbg_) return false;
  Uninstantiate();
  char cipher[] = "AES-256-CTR";
  int derivation_function = 1;
  // 0 disables OpenSSL's own reseed intervals: the generator decides (9.3.1 step 7 through 9.2).
  // OpenSSL still reseeds after a fork.
  unsigned requests = 0;
  time_t seconds = 0;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_int(OSSL_DRBG_PARAM_USE_DF, &derivation_function),
      OSSL_PARAM_construct_uint(OSSL_DRBG_PARAM_RESEED_REQUESTS, &requests),
      OSSL_PARAM_construct_time_t(OSSL_DRBG_PARAM_RESEED_TIME_INTERVAL, &seconds),
      OSSL_PARAM_construct_end()};
  // A null pointer would make OpenSSL use a string of its own.
  const uint8_t none = 0;
  const uint8_t* string = personalization.empty() ? &none : personalization.data();
  ready_ =
      EVP_RAND_instantiate(drbg_.get(), kStrength, 0, string, personalization.size(), params) != 0;
  return Latch(ready_);
}

bool Drbg::Reseed(std::span<const uint8_t> additional_input, bool prediction_resistance) noexcept {
  if (!ready_) return false;
  return Latch(EVP_RAND_reseed(drbg_.get(), prediction_resistance ? 1 : 0, nullptr, 0,
                               additional_input.data(), additional_input.size()) != 0);
}

bool Drbg::Generate(std::span<uint8_t> out, std::span<const uint8_t> additional_input,
                    bool prediction_resistance) noexcept {
  if (ready_ && out.size() <= kMaxGenerate &&
      EVP_RAND_generate(drbg_.get(), out.data(), out.size(), kStrength,
                        prediction_resistance ? 1 : 0, additional_input.data(),
                        additional_input.size()) != 0)
    return true;
  Wipe(out);
  return Latch(false);
}

void Drbg::Uninstantiate() noexcept {
  ready_ = false;
  if (drbg_) EVP_RAND_uninstantiate(drbg_.get());
}

namespace {

// NIST CAVP, CAVS 14.3, drbgvectors_pr_false/CTR_DRBG.rsp: AES-256 use df, with personalization
// string and additional input, COUNT = 0.
constexpr uint8_t kSeed[] = {
    0x17, 0x4b, 0x46, 0x25, 0x00, 0x51, 0xa9, 0xe3, 0xd8, 0x0c, 0x56, 0xae, 0x71, 0x63, 0xda, 0xfe,
    0x7e, 0x54, 0x48, 0x1a, 0x56, 0xca, 0xfd, 0x3b, 0x86, 0x25, 0xf9, 0x9b, 0xbb, 0x29, 0xc4, 0x42,
    0x98, 0xff, 0xd9, 0x9c, 0x46, 0x6e, 0x0e, 0x94, 0xa4, 0x5d, 0xa7, 0xe0, 0xe8, 0x2d, 0xbc, 0x6b};
constexpr uint8_t kPersonalization[] = {
    0x70, 0x95, 0x26, 0x8e, 0x99, 0x93, 0x8b, 0x3e, 0x04, 0x27, 0x34, 0xb9, 0x17, 0x6c, 0x9a, 0xa0,
    0x51, 0xf0, 0x0a, 0x5f, 0x8d, 0x2a, 0x89, 0xad, 0xa2, 0x14, 0xb8, 0x9b, 0xee, 0xf1, 0x8e, 0xbf};
constexpr uint8_t kReseed[] = {0xe8, 0x8b, 0xe1, 0x96, 0x7c, 0x55, 0x03, 0xf6, 0x5d, 0x23, 0x86,
                               0x7b, 0xbc, 0x89, 0x1b, 0xd6, 0x79, 0xdb, 0x03, 0xb4, 0x87, 0x86,
                               0x63, 0xf6, 0xc8, 0x77, 0x59, 0x2d, 0xf2, 0x5f, 0x0d, 0x9a};
constexpr uint8_t kReseedInput[] = {
    0xcd, 0xf6, 0xad, 0x54, 0x9e, 0x45, 0xb6, 0xaa, 0x5c, 0xd6, 0x7d, 0x02, 0x49, 0x31, 0xc3, 0x3c,
    0xd1, 0x33, 0xd5, 0x2d, 0x5a, 0xe5, 0x00, 0xc3, 0x01, 0x50, 0x20, 0xbe, 0xb3, 0x0d, 0xa0, 0x63};
constexpr uint8_t kFirstInput[] = {0xc7, 0x22, 0x8e, 0x90, 0xc6, 0x2f, 0x89, 0x6a, 0x09, 0xe1, 0x16,
                                   0x84, 0x53, 0x01, 0x02, 0xf9, 0x26, 0xec, 0x90, 0xa3, 0x25, 0x5f,
                                   0x6c, 0x21, 0xb8, 0x57, 0x88, 0x3c, 0x75, 0x80, 0x01, 0x43};
constexpr uint8_t kSecondInput[] = {
    0x76, 0xa9, 0x4f, 0x22, 0x41, 0x78, 0xfe, 0x4c, 0xbf, 0x9e, 0x2b, 0x8a, 0xcc, 0x53, 0xc9, 0xdc,
    0x3e, 0x50, 0xbb, 0x61, 0x3a, 0xac, 0x89, 0x36, 0x60, 0x14, 0x53, 0xcd, 0xa3, 0x29, 0x3b, 0x17};
constexpr uint8_t kOutput[] = {
    0x1a, 0x6d, 0x8d, 0xbd, 0x64, 0x20, 0x76, 0xd1, 0x39, 0x16, 0xe5, 0xe2, 0x30, 0x38, 0xb6, 0x0b,
    0x26, 0x06, 0x1f, 0x13, 0xdd, 0x4e, 0x00, 0x62, 0x77, 0xe0, 0x26, 0x86, 0x98, 0xff, 0xb2, 0xc8,
    0x7e, 0x45, 0x3b, 0xae, 0x12, 0x51, 0x63, 0x1a, 0xc9, 0x0c, 0x70, 0x1a, 0x98, 0x49, 0xd9, 0x33,
    0x99, 0x5e, 0x8b, 0x02, 0x21, 0xfe, 0x9a, 0xca, 0x19, 0x85, 0xc5, 0x46, 0xc2, 0x07, 0x90, 0x27};

// Supplies the known answer's seeds, one per request.
class ScriptedSeed final : public SeedSupplier {
 public:
  explicit ScriptedSeed(const KnownAnswer& answer) : script_{answer.seed, answer.reseed} {}
  std::span<uint8_t> SupplySeed(unsigned, bool) noexcept override {
    if (at_ == script_.size()) return {};
    const std::span<const uint8_t> piece = script_[at_++];
    if (piece.size() > copy_.size()) return {};
    std::ranges::copy(piece, copy_.begin());
    return std::span(copy_).first(piece.size());
  }
  void ClearSeed() noexcept override {}

 private:
  std::array<std::span<const uint8_t>, 2> script_;
  size_t at_ = 0;
  std::array<uint8_t, 64> copy_{};
};

}  // namespace

const KnownAnswer kPowerOnAnswer = {kSeed,       kPersonalization, kReseed, kReseedInput,
                                    kFirstInput, kSecondInput,     kOutput};

bool KnownAnswerTest(const OpensslContext& openssl, const KnownAnswer& answer) noexcept {
  ScriptedSeed seed(answer);
  Drbg drbg(openssl, seed);
  std::array<uint8_t, 64> out{};
  return answer.output.size() == out.size() && drbg.Instantiate(answer.personalization) &&
         drbg.Reseed(answer.reseed_input, false) && drbg.Generate(out, answer.first_input, false) &&
         drbg.Generate(out, answer.second_input, false) && std::ranges::equal(out, answer.output);
}

}  // namespace entropyd
