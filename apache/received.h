/*
 * What a client sent, or TLS agreed on, as httpd's strings have it -> the parts that events need.
 *
 * Pure, as event.c: no httpd, no clock, no memory of its own. A result is a part of what was given.
 */
#ifndef REQIN_RECEIVED_H
#define REQIN_RECEIVED_H

#include "json.h"

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* The method and the target of a request line, as far as it has them; it may be anything. */
void reqin_request_line(reqin_text line, reqin_text *method, reqin_text *target);

/* Whether one of the comma-separated parts of `list` is the address whose canonical text is `text`. */
bool reqin_names_address(const char *list, const char *text);

/* `TLSv1.3` -> `1.3`, `TLSv1` -> `1.0`, `SSLv3` -> `ssl3`: the words of lib/events.ts. */
reqin_text reqin_tls_version(reqin_text protocol);

#pragma GCC visibility pop

#endif
