// An in-process OpenSSL provider whose one EVP_RAND is the CTR_DRBG's entropy source: the
// Get_entropy_input of SP 800-90A, 9.1 and 9.2.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace entropyd {

// Security strength of the DRBG, bits (SP 800-90A table 3).
inline constexpr unsigned kStrength = 256;
// A seed, at instantiate and at each reseed: seedlen of AES-256 (table 3), full entropy, because
// there is no derivation function (10.2.1.3.1). It holds the nonce (8.6.7).
inline constexpr size_t kSeedSize = 48;

// Where the DRBG's seeds come from.
class SeedSupplier {
 public:
  virtual ~SeedSupplier() = default;
  // A seed of kSeedSize bytes; empty if there is none. The supplier owns the memory, which stays
  // valid until ClearSeed(). OpenSSL calls this from within its own functions: it must not call the
  // DRBG.
  virtual std::span<uint8_t> SupplySeed() noexcept = 0;
  virtual void ClearSeed() noexcept = 0;
};

// Loads the provider into `library`; null on failure. The caller must call OSSL_PROVIDER_unload
// before it frees `library`.
OSSL_PROVIDER* LoadSeedProvider(OSSL_LIB_CTX* library) noexcept;

// Makes the loaded provider's EVP_RAND, bound to `supplier`; null on failure. The caller must free
// it with EVP_RAND_CTX_free before it unloads the provider; `supplier` must outlive both.
EVP_RAND_CTX* NewSeedSource(OSSL_LIB_CTX* library, SeedSupplier& supplier) noexcept;

}  // namespace entropyd
