/*
 * Credentials in the parameters of a URL: `token=s3cr3t` -> `token=*`.
 *
 * In: a path, a query or a whole URL as a client sent it. Out: the same, with `*` in place of each
 * value whose name is on the list, also where the client wrote the name in other case or with
 * percent-encoding. Pure; works in a buffer of the caller.
 */
#ifndef REQIN_REDACT_H
#define REQIN_REDACT_H

#include "json.h"

#pragma GCC visibility push(hidden)

/* Longest name of a parameter that can be on the list, and how many there may be. */
#define REQIN_SECRET_NAME_MAX 64
#define REQIN_SECRETS_MAX 64

/* Bytes kept of a URL in which something is hidden. */
#define REQIN_REDACT_MAX 8192

/* Names of parameters, lower case. */
typedef struct {
    const reqin_text *names;
    size_t count; /* <= REQIN_SECRETS_MAX */
} reqin_secrets;

/*
 * `url` as it may be shown. The result is `url` itself where nothing is to be hidden, else in
 * `buffer` of REQIN_REDACT_MAX bytes; `*cut` becomes true if it did not fit. `in_query` says that
 * `url` is a query; else it begins as a path, and a query begins behind the first "?".
 */
reqin_text reqin_redact(reqin_text url, bool in_query, const reqin_secrets *secrets, char *buffer,
                        bool *cut);

#pragma GCC visibility pop

#endif
