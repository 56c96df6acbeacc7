// An in-process OpenSSL provider whose one EVP_RAND is the CTR_DRBG's entropy source: the
// Get_entropy_input of SP 800-90A, 9.1 and 9.2.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <span>

namespace entropyd {

// Security strength of the DRBG, bits (SP 800-90A table 3).
inline constexpr unsigned kStrength = 256;
// Min-entropy that a seed must be credited with, bits: at instantiate 3/2 of the strength, so that
// no separate nonce is needed (SP 800-90A 8.6.7); at reseed the strength.
inline constexpr unsigned kInstantiateBits = kStrength * 3 / 2;
inline constexpr unsigned kReseedBits = kStrength;

// Where the DRBG's seed material comes from.
class SeedSupplier {
 public:
  virtual ~SeedSupplier() = default;
  // Seed material with at least `entropy_bits` of credited min-entropy; empty if it cannot be had.
  // The supplier owns the memory, which stays valid until ClearSeed(). `fresh`: prediction
  // resistance, so only entropy read after the request.
  virtual std::span<uint8_t> SupplySeed(unsigned entropy_bits, bool fresh) noexcept = 0;
  virtual void ClearSeed() noexcept = 0;
};

// Loads the provider into `library`; null on failure. The caller must call OSSL_PROVIDER_unload
// before it frees `library`.
OSSL_PROVIDER* LoadSeedProvider(OSSL_LIB_CTX* library) noexcept;

// Makes the loaded provider's EVP_RAND, bound to `supplier`; null on failure. The caller must free
// it with EVP_RAND_CTX_free before it unloads the provider; `supplier` must outlive both.
EVP_RAND_CTX* NewSeedSource(OSSL_LIB_CTX* library, SeedSupplier& supplier) noexcept;

}  // namespace entropyd
