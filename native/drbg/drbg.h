// CTR_DRBG with AES-256, without derivation function (SP 800-90A Rev. 1, 10.2.1): OpenSSL's, seeded
// by our provider. Failures latch; OpenSSL alone would recover silently.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "drbg/seed_provider.h"

namespace entropyd {

// An OpenSSL library context of our own, with the default provider and the seed provider: the
// program's own settings of OpenSSL do not reach it.
class OpensslContext {
 public:
  // get() is null if OpenSSL has no memory or no default provider.
  OpensslContext() noexcept;

  // Owned by this object. The caller frees first what it made from it.
  OSSL_LIB_CTX* get() const noexcept { return seed_provider_ ? library_.get() : nullptr; }

 private:
  struct Free {
    void operator()(OSSL_LIB_CTX* library) const noexcept;
    void operator()(OSSL_PROVIDER* provider) const noexcept;
  };
  // Destroyed in the opposite order: freeing the library does not unload its providers.
  std::unique_ptr<OSSL_LIB_CTX, Free> library_;
  std::unique_ptr<OSSL_PROVIDER, Free> default_provider_;
  std::unique_ptr<OSSL_PROVIDER, Free> seed_provider_;
};

// Most bytes in one call of Drbg::Generate: 2^19 bits, SP 800-90A table 3. OpenSSL would allow
// more.
inline constexpr size_t kMaxGenerate = 65536;

// The conditioning component of the seeds: SHA-384, vetted by SP 800-90B 3.1.5.1.1, OpenSSL's.
class Conditioner {
 public:
  // `openssl` must outlive the conditioner.
  explicit Conditioner(const OpensslContext& openssl) noexcept;
  // Hashes `material` to `seed`, which has kSeedSize bytes. With 448 bits of min-entropy or more in
  // the material, the seed has full entropy: SP 800-90C asks for 64 bits above the output's 384.
  // False, and zeros, if OpenSSL fails.
  bool Condition(std::span<const uint8_t> material, std::span<uint8_t> seed) noexcept;

 private:
  struct Free {
    void operator()(EVP_MD* hash) const noexcept;
    void operator()(EVP_MD_CTX* context) const noexcept;
  };
  std::unique_ptr<EVP_MD, Free> sha384_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

class Drbg {
 public:
  // Both must outlive the DRBG. Without a usable `openssl` every call fails.
  Drbg(const OpensslContext& openssl, SeedSupplier& supplier) noexcept;

  // 9.1, with prediction resistance to be had. Clears a latched failure, as nothing else does.
  // `personalization` is at most kSeedSize.
  bool Instantiate(std::span<const uint8_t> personalization) noexcept;
  // 9.2. With a seed whose entropy was read after a request it is step 7.1 of that request's
  // generate with prediction resistance (9.3.1). `additional_input` is at most kSeedSize.
  bool Reseed(std::span<const uint8_t> additional_input) noexcept;
  // 9.3. `out` is at most kMaxGenerate and holds zeros after a failure; `additional_input` is at
  // most kSeedSize. With `prediction_resistance` the supplier is first asked for a seed.
  bool Generate(std::span<uint8_t> out, std::span<const uint8_t> additional_input,
                bool prediction_resistance = false) noexcept;
  // 9.4: the internal state is erased. OpenSSL's own uninstantiate leaves copies of the key in the
  // cipher's context, so the whole DRBG is freed.
  void Uninstantiate() noexcept { drbg_.reset(); }

 private:
  bool Latch(bool ok) noexcept;

  struct Free {
    void operator()(EVP_RAND_CTX* rand) const noexcept;
    void operator()(EVP_RAND* algorithm) const noexcept;
  };
  // Destroyed in the opposite order: the child before its parent.
  std::unique_ptr<EVP_RAND, Free> algorithm_;
  std::unique_ptr<EVP_RAND_CTX, Free> seed_source_;
  std::unique_ptr<EVP_RAND_CTX, Free> drbg_;  // null: not instantiated, or failed
};

// Known answers of the DRBG: one that is reseeded, and one with prediction resistance.
struct KnownAnswer {
  std::span<const uint8_t> seed{};
  std::span<const uint8_t> personalization{};
  // The seeds after the first: for the reseed, or for each of the two generates.
  std::span<const uint8_t> next_seeds{};
  std::span<const uint8_t> reseed_input{};  // empty: no reseed, prediction resistance instead
  std::span<const uint8_t> first_input{};
  std::span<const uint8_t> second_input{};
  std::span<const uint8_t> output{};  // of the second generate
};
struct KnownAnswers {
  KnownAnswer reseeded;
  KnownAnswer prediction_resistant;
};
extern const KnownAnswers kKnownAnswers;

// The health test of the DRBG (SP 800-90A 11.3), run before its first use and at intervals:
// instantiate, generate, reseed and prediction resistance give the known answers, and each of them
// fails without a seed or with an input that is too long. Also the conditioner's known answer.
// True if it passes. Takes some 0.1 ms.
bool KnownAnswerTest(const OpensslContext& openssl, const KnownAnswers& answers) noexcept;

}  // namespace entropyd
