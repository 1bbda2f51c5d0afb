/* Draft: a face checks signatures.
 *
 *   const tb_host_crypto *crypto = host->api->extension(host, TB_STR("tb.host.crypto/1"));
 *
 * NULL: this kernel does not offer it. Drafts may still change; when this one is stable it keeps
 * its id.
 */
#ifndef TB_DRAFT_HOST_CRYPTO_H
#define TB_DRAFT_HOST_CRYPTO_H

#include "tb/face.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TB_HOST_CRYPTO_1 "tb.host.crypto/1"

typedef struct tb_host_crypto {
  /* Ed25519, by the same rule as tb_ctx_api.verify: TB_OK, or TB_NOT_FOUND when the signature does
   * not hold. [any] */
  tb_status (*verify)(tb_host* host, tb_str key, tb_str message, tb_str signature);
} tb_host_crypto;

#ifdef __cplusplus
}
#endif
#endif
