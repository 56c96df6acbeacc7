#include "drbg/openssl_context.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "drbg/seed_provider.h"

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

}  // namespace entropyd
