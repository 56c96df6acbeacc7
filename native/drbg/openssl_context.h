// The OpenSSL library context of the construction, with the two providers that its DRBG needs.
#pragma once

#include <openssl/types.h>

#include <memory>

namespace entropyd {

// A context of our own: nothing that the program does to OpenSSL's settings reaches it.
class OpensslContext {
 public:
  // get() is null where OpenSSL has no memory or lacks its default provider.
  OpensslContext() noexcept;

  // Owned by this object; all that is made from it is freed first.
  OSSL_LIB_CTX* get() const noexcept { return seed_provider_ ? library_.get() : nullptr; }

 private:
  struct Free {
    void operator()(OSSL_LIB_CTX* library) const noexcept;
    void operator()(OSSL_PROVIDER* provider) const noexcept;
  };
  // Freed in the opposite order: the library's end does not unload what was loaded.
  std::unique_ptr<OSSL_LIB_CTX, Free> library_;
  std::unique_ptr<OSSL_PROVIDER, Free> default_provider_;
  std::unique_ptr<OSSL_PROVIDER, Free> seed_provider_;
};

}  // namespace entropyd
