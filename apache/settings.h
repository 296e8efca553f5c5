/*
 * The JsonSockLog* directives: their values per server and virtual host, checked when read.
 */
#ifndef REQIN_SETTINGS_H
#define REQIN_SETTINGS_H

#include "event.h"
#include "sender.h"

#include "httpd.h"
#include "http_config.h"

#pragma GCC visibility push(hidden)

typedef enum {
    REQIN_PHASE_UNSET = -1,
    REQIN_PHASE_END,  /* Send when the request is over. */
    REQIN_PHASE_START /* Send when its headers are read. */
} reqin_phase;

/* One server or virtual host. A number is -1 and a pointer NULL until set or merged. */
typedef struct {
    int enabled;
    int max_headers;
    int max_value;
    int max_event;
    int reconnect_s;
    int report_s;
    int level; /* APLOG_*: what is less severe is not logged. */
    reqin_phase phase;
    const char *socket;
    apr_array_header_t *headers; /* const char *, lower case */
    apr_array_header_t *redact;  /* const char *, lower case, beyond the built-in ones */
    apr_array_header_t *secrets; /* The same, of parameters in URLs. */

    reqin_event_format format; /* Filled by reqin_settings_finish(). */
    reqin_sender *sender;      /* Set in each child where enabled. */
} reqin_settings;

extern const command_rec reqin_directives[];

void *reqin_settings_create(apr_pool_t *pool, server_rec *server);
void *reqin_settings_merge(apr_pool_t *pool, void *base, void *virtual_host);

/* Puts defaults where nothing was said and makes `format`. Returns an error message or NULL. */
const char *reqin_settings_finish(apr_pool_t *pool, reqin_settings *settings);

#pragma GCC visibility pop

#endif
