// CTR_DRBG with AES-256 and derivation function (SP 800-90A Rev. 1, 10.2.1): OpenSSL's, seeded by
// our provider. Failures latch; OpenSSL alone would recover silently.
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

class Drbg {
 public:
  // Both must outlive the DRBG. Without a usable `openssl` every call fails.
  Drbg(const OpensslContext& openssl, SeedSupplier& supplier) noexcept;

  // 9.1. Clears a latched failure, as nothing else does.
  bool Instantiate(std::span<const uint8_t> personalization) noexcept;
  // 9.2
  bool Reseed(std::span<const uint8_t> additional_input, bool prediction_resistance) noexcept;
  // 9.3. `out` is at most kMaxGenerate and holds zeros after a failure. With
  // `prediction_resistance` the supplier is first asked for fresh seed (9.3.1 step 7).
  bool Generate(std::span<uint8_t> out, std::span<const uint8_t> additional_input,
                bool prediction_resistance) noexcept;
  // 9.4: the internal state is erased.
  void Uninstantiate() noexcept;

 private:
  bool Latch(bool ok) noexcept;

  struct Free {
    void operator()(EVP_RAND_CTX* rand) const noexcept;
  };
  // Destroyed in the opposite order: the child before its parent.
  std::unique_ptr<EVP_RAND_CTX, Free> seed_source_;
  std::unique_ptr<EVP_RAND_CTX, Free> drbg_;
  bool ready_ = false;
};

// A known answer of the DRBG: instantiate, reseed, generate twice.
struct KnownAnswer {
  std::span<const uint8_t> seed;  // entropy input and nonce
  std::span<const uint8_t> personalization;
  std::span<const uint8_t> reseed;
  std::span<const uint8_t> reseed_input;
  std::span<const uint8_t> first_input;
  std::span<const uint8_t> second_input;
  std::span<const uint8_t> output;  // of the second generate
};
extern const KnownAnswer kPowerOnAnswer;

// The health test of the DRBG itself (SP 800-90A 11.3), run before its first use.
bool KnownAnswerTest(const OpensslContext& openssl, const KnownAnswer& answer) noexcept;

}  // namespace entropyd
